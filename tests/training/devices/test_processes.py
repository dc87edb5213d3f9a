"""Several processes of one run: how they are started, and that they train as one process does."""

import csv
import os
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dataset_layouts import clouds
from pointlora.data import write_shards
from pointlora.errors import ConfigError, DataError, PointLoraError
from pointlora.recipes.files import from_mapping
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.devices.processes import on_every_device
from pointlora.training.devices.world import World, current_world
from process_groups import echo, fail, run_ranks
from training_runs import tiny_parts, tiny_pretraining, tiny_recipe


def recipe_for(devices):
    return SimpleNamespace(training=SimpleNamespace(devices=devices))


def test_one_device_runs_here():
    assert on_every_device(lambda recipe, resume: {"pid": os.getpid()}, recipe_for(1), False) == {"pid": os.getpid()}


def test_the_first_of_two_processes_answers(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = dict(os.environ)
    found = on_every_device(echo, recipe_for(2), True)
    threads = found.pop("OMP_NUM_THREADS")
    assert int(threads) == max((os.cpu_count() or 1) // 2, 1)
    assert found == {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "resume": True,
    }
    assert dict(os.environ) == before


def test_an_error_or_a_death_in_any_process_ends_all():
    begin = time.monotonic()
    with pytest.raises(DataError, match=r"^cloud.ply: is bad$"):
        on_every_device(fail, recipe_for(2), False)
    with pytest.raises(PointLoraError, match="one of the 2 processes of the run ended with code -9"):
        on_every_device(fail, recipe_for(2), True)
    assert time.monotonic() - begin < 30


def test_batches_are_shared(monkeypatch):
    assert current_world() == World(0, 1, 1)
    assert World(1, 4, 2).share(32) == 8
    assert World(1, 4, 2).nodes == 2
    with pytest.raises(ConfigError, match="33, which can't be divided among 4 processes: use 32"):
        World(1, 4, 4).share(33)
    for name, value in {"RANK": 3, "WORLD_SIZE": 8, "LOCAL_WORLD_SIZE": 4, "TORCHELASTIC_RUN_ID": "x"}.items():
        monkeypatch.setenv(name, str(value))
    assert current_world() == World(3, 8, 4)
    with pytest.raises(ConfigError, match=r"devices is 2, but torchrun started 4 processes"):
        on_every_device(echo, recipe_for(2), False)


def run_recipe(recipe, kill_at=None):
    """In a process of its own: a run without dropout, whose draws differ between processes."""
    from pointlora.training import fit
    from pointlora.training.base_module import TrainedModule
    from pointlora.training.classification import task as classification
    from pointlora.training.part_segmentation import task as part_segmentation
    from pointlora.training.pretraining.run import pretrain

    def without_dropout(build):
        def built(*arguments):
            model = build(*arguments)
            for module in model.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = 0.0
            return model

        return built

    classification.build_classifier = without_dropout(classification.build_classifier)
    part_segmentation.build_part_segmenter = without_dropout(part_segmentation.build_part_segmenter)
    if kill_at is not None:
        inner = TrainedModule.on_train_batch_start

        def killing(self, batch, batch_idx):
            if self.global_step == kill_at:
                os.kill(os.getpid(), 9)
            inner(self, batch, batch_idx)

        TrainedModule.on_train_batch_start = killing
    if "method" in recipe:
        return fit.fine_tune(from_mapping(TrainRecipe, recipe))
    return pretrain(from_mapping(PretrainRecipe, recipe))


def losses(folder):
    with (folder / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    keys = [key for key in rows[0] if "loss" in key or "selection" in key]
    return torch.tensor([[float(row[key]) for key in keys] for row in rows])


def compare_weights(first, second):
    """Equal but for biases before a BatchNorm, whose gradients are rounding errors, and the means that undo them."""
    compared = 0
    biases = ("conv.0.bias", "conv.3.bias", "head.0.bias", "head.4.bias")
    biases += ("model.norm.bias",)  # what it adds is the same for all clouds, and the head's first BatchNorm undoes it
    biases += ("local.0.bias", "local.3.bias", "joint.0.bias", "joint.4.bias")
    for name, value in first.items():
        if not name.endswith((*biases, "running_mean")):
            torch.testing.assert_close(value, second[name], rtol=0, atol=1e-5)
            compared += 1
    assert compared > 10


def test_pretraining_in_two_processes_equals_one(tmp_path):
    for size in (1, 2):
        recipe = tiny_pretraining(tmp_path / str(size), batch_size=8)
        recipe["model"]["drop_path_rate"] = 0.0
        results = run_ranks(run_recipe, recipe, size=size)
        assert results[0]["train_loss"] > 0
        assert results[1:] == [{}] * (size - 1)
    torch.testing.assert_close(losses(tmp_path / "1"), losses(tmp_path / "2"), rtol=0, atol=1e-6)
    compare_weights(*(load_file(tmp_path / size / "model.safetensors") for size in "12"))


def test_fine_tuning_in_two_processes_equals_one(tmp_path):
    confusions = []
    for size in (1, 2):
        # Nine clouds choose the best epoch: the two processes' shares can't be equal.
        recipe = tiny_recipe(tmp_path / str(size), epochs=3)
        recipe["data"]["validation_fraction"] = 0.25
        recipe["model"]["drop_path_rate"] = 0.0
        recipe["method"] = {"name": "full"}
        confusions.append(run_ranks(run_recipe, recipe, size=size)[0]["confusion_matrix"])
    torch.testing.assert_close(losses(tmp_path / "1"), losses(tmp_path / "2"), rtol=0, atol=1e-5)
    assert confusions[0] == confusions[1]
    compare_weights(*(load_file(tmp_path / size / "adapter" / "adapter_model.safetensors") for size in "12"))


@pytest.mark.slow
def test_features_in_two_processes_equal_one(tmp_path):
    random = np.random.default_rng(0)
    points, labels = clouds(36, 160), np.arange(36) % 3
    colors = random.random((36, 160, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", points=points, labels=labels, colors=colors, is_test=np.arange(36) >= 24)
    for size in (1, 2):
        recipe = tiny_recipe(tmp_path / str(size), epochs=3, protocol="last", recalibrate=False)
        recipe["data"] = {"name": "npz", "root": str(tmp_path / "a.npz"), "num_points": 128, "features": ["colors"]}
        recipe["model"]["drop_path_rate"] = 0.0
        recipe["method"] = {"name": "lora", "rank": 2}
        run_ranks(run_recipe, recipe, size=size)
    one, two = (load_file(tmp_path / size / "adapter" / "adapter_model.safetensors") for size in "12")
    (name,) = [name for name in one if name.endswith("first_conv.0.features")]
    assert one[name].abs().max() > 1e-4
    torch.testing.assert_close(one[name], two[name], rtol=0, atol=1e-5)
    compare_weights(one, two)


def test_part_segmentation_in_two_processes_equals_one(tmp_path):
    points = []
    for size in (1, 2):
        recipe = tiny_parts(tmp_path / str(size), epochs=3)
        recipe["data"]["validation_fraction"] = 0.25
        recipe["model"]["drop_path_rate"] = 0.0
        recipe["method"] = {"name": "full"}
        # With the seed 0 a maximum over a patch has two places as good as equal, and rounding decides between them.
        recipe["training"]["seed"] = 1
        points.append(run_ranks(run_recipe, recipe, size=size)[0]["points"])
    assert points[0] == points[1]
    # The first column is the loss. Biases before a BatchNorm move by rounding errors, and the running means follow them
    # late: that alone turns some predictions of a network that has hardly learned.
    one, two = losses(tmp_path / "1"), losses(tmp_path / "2")
    torch.testing.assert_close(one[:, 0], two[:, 0], rtol=0, atol=1e-6)
    torch.testing.assert_close(one[0], two[0], rtol=0, atol=1e-6)


def test_a_killed_run_of_two_processes_resumes_bit_for_bit(tmp_path):
    for name in ("whole", "killed"):
        recipe = tiny_pretraining(tmp_path / name, checkpoint_every_steps=2)
        if name == "killed":
            assert run_ranks(run_recipe, recipe, 7) == [None, None]
        assert run_ranks(run_recipe, recipe)[0]["epochs"] == 3
    assert torch.equal(losses(tmp_path / "whole"), losses(tmp_path / "killed"))
    whole, killed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    assert all(torch.equal(value, killed[name]) for name, value in whole.items())


def test_two_processes_pretrain_from_shards(tmp_path):
    write_shards(tmp_path / "shards", clouds(24, 160), clouds_per_shard=5)
    recipe = tiny_pretraining(tmp_path / "run", epochs=2, samples_per_epoch=16)
    recipe["data"] = {"name": "shards", "root": str(tmp_path / "shards"), "num_points": 128}
    results = run_ranks(run_recipe, recipe)
    assert results[0]["train_loss"] > 0
    assert losses(tmp_path / "run").isfinite().all()


def run_ahead(recipe, log):
    """In a process of its own: a run that notes when it makes clouds."""
    from pointlora.training.pretraining import ahead
    from pointlora.training.pretraining.run import pretrain

    make = ahead.make_bank

    def noting(*arguments):
        with open(log, "a") as file:
            file.write("made\n")
        return make(*arguments)

    ahead.make_bank = noting
    return pretrain(from_mapping(PretrainRecipe, recipe))


def test_one_of_two_processes_makes_the_clouds(tmp_path):
    recipe = tiny_pretraining(tmp_path / "run", epochs=2, samples_per_epoch=32, batch_size=16)
    recipe["data"]["options"] = {"num_points": recipe["data"]["num_points"]}
    recipe["objective"] = {"reconstruction": 10, "contrast": 1}
    recipe["ahead"] = {"size": 48, "workers": 0}
    first, second = run_ranks(run_ahead, recipe, tmp_path / "log")
    assert first["train_loss"] > 0
    assert second == {}
    assert (tmp_path / "log").read_text() == "made\n"
    assert [World(rank, 4, 2).first_here for rank in range(4)] == [True, False, True, False]
