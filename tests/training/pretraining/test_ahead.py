import numpy as np
import pytest
import torch
from safetensors import safe_open

from pointlora.errors import ConfigError, DataError
from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.create import create_model
from pointlora.recipes.files import from_mapping
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.training.pretraining.run import pretrain
from training_runs import SIZES, run_process, tiny_pretraining


@pytest.fixture
def recipe(tmp_path):
    np.savez(tmp_path / "corpus.npz", points=np.random.default_rng(0).standard_normal((10, 200, 3), dtype=np.float32))
    content = tiny_pretraining(tmp_path / "run", epochs=4, samples_per_epoch=32, batch_size=16)
    content["data"]["options"] = {"num_points": content["data"]["num_points"]}
    content["objective"] = {"reconstruction": 10, "contrast": 1, "category": 0.5, "latent": 1}
    content["corpus"] = {"name": "npz", "root": str(tmp_path / "corpus.npz"), "share": 0.25}
    content["ahead"] = {"size": 48, "workers": 0, "second_mask_ratio": 0.25}
    return content


def weights(folder, name="model"):
    with safe_open(folder / f"{name}.safetensors", "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def test_a_run_on_clouds_made_ahead(recipe, tmp_path):
    results = pretrain(from_mapping(PretrainRecipe, recipe))
    header, *rows = [line.split(",") for line in (tmp_path / "run" / "metrics.csv").read_text().splitlines()]
    last = dict(zip(header, map(float, rows[-1]), strict=True))
    parts = 10 * last["reconstruction"] + last["contrast"] + 0.5 * last["category"] + last["latent"]
    assert last["train_loss"] == pytest.approx(parts, rel=1e-5) == pytest.approx(results["train_loss"])
    assert last["train_loss"] < float(rows[0][header.index("train_loss")])
    student, teacher = weights(tmp_path / "run"), weights(tmp_path / "run", "teacher")
    assert not any(name.startswith("teacher") for name in student)
    assert teacher.keys() == {name for name in student if name.startswith("encoder.")}
    assert any(not torch.equal(value, student[name]) for name, value in teacher.items())
    for name in ("model", "teacher"):
        classifier = create_model("point_mae", num_classes=2, **SIZES)
        report = load_checkpoint(classifier, tmp_path / "run" / f"{name}.safetensors")
        assert all(missing.startswith("head.") for missing in report.missing)


@pytest.mark.slow
def test_a_killed_run_goes_on_bit_for_bit(recipe, tmp_path):
    assert run_process(recipe, kill_at=5) == -9
    assert run_process(recipe) == 0
    whole = recipe | {"output": str(tmp_path / "whole")}
    assert run_process(whole) == 0
    for name in ("model", "teacher"):
        broken, unbroken = weights(tmp_path / "run", name), weights(tmp_path / "whole", name)
        assert broken.keys() == unbroken.keys()
        assert all(torch.equal(value, unbroken[key]) for key, value in broken.items())


def test_a_file_is_shared_by_runs_and_must_hold_the_same_clouds(recipe, tmp_path):
    recipe["ahead"]["file"] = str(tmp_path / "clouds.bank")
    recipe["training"]["epochs"] = 1
    pretrain(from_mapping(PretrainRecipe, recipe))
    made = (tmp_path / "clouds.bank").stat().st_mtime_ns
    pretrain(from_mapping(PretrainRecipe, recipe | {"output": str(tmp_path / "second")}))
    assert (tmp_path / "clouds.bank").stat().st_mtime_ns == made
    recipe["ahead"]["size"] = 40
    with pytest.raises(DataError, match=r"clouds\.bank"):
        pretrain(from_mapping(PretrainRecipe, recipe | {"output": str(tmp_path / "third")}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": {"name": "npz"}}, "ahead.size makes procedural clouds, but data.name is npz"),
        ({"data": {"options": {"categories": ["mug"]}}}, "leave out data.options.categories"),
        ({"training": {"samples_per_epoch": None}}, "ahead.size needs training.samples_per_epoch"),
        ({"objective": {"contrast": 0, "category": 0, "latent": 0}}, "ahead.size makes two views of a cloud"),
        ({"ahead": {"named": 0, "scan": 0, "freeform": 0}}, "ahead.named, scan and freeform are all 0"),
        ({"ahead": {"second_mask_ratio": 1}}, "ahead.second_mask_ratio is 1"),
        ({"objective": {"teacher_momentum": 1}}, "objective.teacher_momentum is 1"),
    ],
)
def test_bad_settings_are_named(recipe, change, message):
    del recipe["corpus"]
    for key, values in change.items():
        recipe[key] |= values
    with pytest.raises(ConfigError, match=message):
        from_mapping(PretrainRecipe, recipe)
