import numpy as np
import pytest
import torch
from torch import nn

from pointlora.data.datasets import open_dataset
from pointlora.data.loading import ClassificationBatch
from pointlora.data.transforms import TransformConfig
from pointlora.methods.registry import apply_method
from pointlora.models.create import create_model
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainingConfig, TrainRecipe
from pointlora.training.data import train_loader
from pointlora.training.fit import fine_tune
from pointlora.training.recalibration import Recalibration, drifting_norms, recalibrate
from training_runs import SIZES, differences, run_process, tiny_parts, tiny_recipe


def batches(count=3, size=8, points=64):
    generator = torch.Generator().manual_seed(0)
    return [
        ClassificationBatch(
            torch.randn(size, points, 3, generator=generator), torch.arange(size) % 3, torch.arange(size) + size * part
        )
        for part in range(count)
    ]


def model(method="pointlora"):
    torch.manual_seed(0)
    return apply_method(create_model("point_mae", num_classes=3, **SIZES), method)


class Sum(nn.Module):
    """A norm behind dropout, called twice a batch."""

    def __init__(self):
        super().__init__()
        self.drop, self.norm = nn.Dropout(0.5), nn.BatchNorm1d(3)

    def forward(self, points):
        return self.norm(self.norm(self.drop(points.flatten(0, 1))))


def test_statistics_are_the_mean_of_those_of_the_batches():
    network, given = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3)), batches()
    network[1].running_mean.fill_(100.0)
    network[1].num_batches_tracked.fill_(7)
    recalibrate(network, given, lambda batch: network(batch.points.flatten(0, 1)))
    means = torch.stack([batch.points.flatten(0, 1).mean(0) for batch in given])
    variances = torch.stack([batch.points.flatten(0, 1).var(0) for batch in given])
    torch.testing.assert_close(network[1].running_mean, means.mean(0), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(network[1].running_var, variances.mean(0))
    assert int(network[1].num_batches_tracked) == 7


def test_a_norm_that_is_called_twice_gets_what_steps_would_move_it_to():
    network, given = Sum(), batches(1)
    recalibrate(network, given, lambda batch: network(batch.points))
    rows = given[0].points.flatten(0, 1)
    # The second call sees normalised rows, of mean 0 and variance 1, and counts as the later step.
    expected = (0.9 * rows.mean(0)) / 1.9
    torch.testing.assert_close(network.norm.running_mean, expected, atol=1e-6, rtol=1e-4)


def test_only_norms_that_drift_are_touched():
    frozen, drifting = model("lora"), model("pointlora")
    assert len(drifting_norms(frozen)) == 2
    assert len(drifting_norms(drifting)) == 4
    before = {name: value.clone() for name, value in frozen.tokenizer.named_buffers()}
    frozen.eval()
    recalibrate(frozen, batches(), lambda batch: frozen(batch.points))
    assert not frozen.training
    assert all(torch.equal(value, before[name]) for name, value in frozen.tokenizer.named_buffers())


def test_it_repeats_bit_for_bit_and_does_not_depend_on_what_was_there():
    first, second = model(), model()
    for norm in drifting_norms(second):
        norm.running_mean.add_(3.0)
    for network in (first, second):
        recalibrate(network, batches(), lambda batch, network=network: network(batch.points))
    for (name, one), (_, other) in zip(first.named_buffers(), second.named_buffers(), strict=True):
        assert torch.equal(one, other), name


def test_clouds_come_in_random_order_and_are_bounded(tmp_path):
    labels = np.repeat([0, 1], 32)
    points = np.random.default_rng(0).standard_normal((64, 80, 3)).astype(np.float32)
    np.savez(tmp_path / "a.npz", points=points, labels=labels, classes=np.array(["a", "b"]))
    clouds = open_dataset("npz", tmp_path / "a.npz", "train", cache="off", test_fraction=0.0)
    run = TrainingConfig(batch_size=8, workers=0, accelerator="cpu")
    loader = train_loader(clouds, TransformConfig(num_points=64), run, augmented=False)
    kept = Recalibration(loader, lambda batch: None).batches()
    assert len(kept) == 2  # a third of eight
    assert all(len(set(batch.labels.tolist())) == 2 for batch in kept)
    again = Recalibration(train_loader(clouds, TransformConfig(num_points=64), run, augmented=False), print).batches()
    assert all(torch.equal(one.points, other.points) for one, other in zip(kept, again, strict=True))


def test_the_papers_protocol_leaves_statistics_alone():
    assert TrainingConfig().recalibrates
    assert not TrainingConfig(protocol="paper").recalibrates
    assert not TrainingConfig(recalibrate=False).recalibrates


@pytest.mark.parametrize("protocol", ["validation", "last"])
def test_what_a_run_writes_is_recalibrated(tmp_path, protocol):
    finished = {}
    for recalibrated in (True, False):
        recipe = tiny_recipe(tmp_path / str(recalibrated), epochs=2, protocol=protocol, recalibrate=recalibrated)
        finished[recalibrated] = fine_tune(from_mapping(TrainRecipe, recipe))
    ends = [torch.load(tmp_path / f"{which}/checkpoints/last.ckpt", weights_only=True) for which in (True, False)]
    one, other = (end["state_dict"] for end in ends)
    trained = [key for key in one if "running" not in key]
    # What is trained doesn't depend on the running statistics.
    assert all(torch.equal(one[key], other[key]) for key in trained)
    moved = [key for key in one if "running" in key and not torch.equal(one[key], other[key])]
    assert moved
    assert [finished[which]["epochs"] for which in finished] == [2, 2]


@pytest.mark.parametrize("make", [tiny_recipe, tiny_parts])
def test_a_killed_run_with_recalibration_ends_alike(tmp_path, make):
    whole, killed = make(tmp_path / "whole", epochs=2), make(tmp_path / "killed", epochs=2, checkpoint_every_steps=1)
    assert run_process(whole) == 0
    assert run_process(killed, kill_at=5) == -9
    assert run_process(killed) == 0
    ends = [torch.load(tmp_path / f"{which}/checkpoints/last.ckpt", weights_only=True) for which in ("whole", "killed")]
    assert differences(*ends) == []
