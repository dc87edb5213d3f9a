"""A run that is killed and resumed ends, bit for bit, where it would have ended without the kill."""

import os
import random
from pathlib import Path

import pytest
import torch

from training_runs import differences, run_process, tiny_parts, tiny_pretraining, tiny_recipe

SIGKILLED = -9
STEPS = 12  # 3 epochs of 4


def end_of(folder: Path):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert run_process(tiny_recipe(folder)) == 0
    return end_of(folder)


def test_checkpoints_hold_what_is_trained(uninterrupted):
    assert "blocks.0.attn.qkv.weight" not in uninterrupted["state_dict"]
    assert "blocks.0.attn.qkv.branches.lora.A" in uninterrupted["state_dict"]
    assert any(key.endswith("running_mean") for key in uninterrupted["state_dict"])
    assert uninterrupted["global_step"] == STEPS
    assert uninterrupted["callbacks"]["BestEpoch"]["weights"].keys() == uninterrupted["state_dict"].keys()


@pytest.mark.parametrize(("workers", "every", "kills"), [(0, 1, (3, 4)), (2, None, (6,))])
def test_killed_runs_end_alike(tmp_path, uninterrupted, workers, every, kills):
    recipe = tiny_recipe(tmp_path / "run", workers=workers, checkpoint_every_steps=every)
    for kill_at in kills:
        assert run_process(recipe, kill_at) == SIGKILLED
    left_behind = [int(pid) for pid in (tmp_path / "run.workers").read_text().split()]
    assert len(left_behind) == 2 * workers  # training and validation
    assert run_process(recipe) == 0
    assert differences(end_of(tmp_path / "run"), uninterrupted) == []
    assert not [pid for pid in left_behind if is_running(pid)]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "(zombie)" not in status.read_text()


def test_killed_pretraining_ends_alike(tmp_path):
    whole, killed = (
        tiny_pretraining(tmp_path / "whole"),
        tiny_pretraining(tmp_path / "killed", checkpoint_every_steps=1),
    )
    assert run_process(whole) == 0
    assert run_process(killed, kill_at=7) == SIGKILLED
    assert run_process(killed) == 0
    assert differences(end_of(tmp_path / "killed"), end_of(tmp_path / "whole")) == []
    assert (tmp_path / "killed/model.safetensors").read_bytes()[-1000:] == (
        tmp_path / "whole/model.safetensors"
    ).read_bytes()[-1000:]


def test_a_killed_part_segmentation_ends_alike(tmp_path):
    whole, killed = (
        tiny_parts(tmp_path / "whole"),
        tiny_parts(tmp_path / "killed", checkpoint_every_steps=1, workers=1),
    )
    assert run_process(whole) == 0
    for kill_at in (3, 4):
        assert run_process(killed, kill_at=kill_at) == SIGKILLED
    assert run_process(killed) == 0
    assert differences(end_of(tmp_path / "killed"), end_of(tmp_path / "whole")) == []


@pytest.fixture(scope="module")
def long_uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("long") / "run"
    assert run_process(tiny_recipe(folder, epochs=10)) == 0
    return end_of(folder)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("every", [None, 1, 3])
def test_ten_kills_at_random_steps(tmp_path, long_uninterrupted, workers, every):
    generator = random.Random(f"{workers} {every}")
    recipe = tiny_recipe(tmp_path / "run", epochs=10, workers=workers, checkpoint_every_steps=every)
    for _ in range(10):
        assert run_process(recipe, generator.randrange(7 if every is None else 5)) == SIGKILLED
    assert run_process(recipe) == 0
    assert differences(end_of(tmp_path / "run"), long_uninterrupted) == []


def test_differences_sees_a_single_bit():
    one = {"a": [torch.ones(2), {"seconds": 1}]}
    assert differences(one, {"a": [torch.ones(2), {"seconds": 2}]}) == []
    assert differences(one, {"a": [torch.tensor([1.0, 1.0000001]), {"seconds": 1}]}) == ["/a[0]"]
