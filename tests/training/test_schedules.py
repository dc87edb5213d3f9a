"""Schedules for few labels: steps, patience, averages, interpolation."""

import csv

import pytest
import torch

from pointlora.errors import ConfigError
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainingConfig, TrainRecipe
from pointlora.training.averaging import best_factor, interpolated
from pointlora.training.fit import fine_tune
from pointlora.training.trained_state import load_trained_state, trained_state
from training_runs import differences, plus_recipe, run_process, tiny_recipe


def train(recipe):
    return fine_tune(from_mapping(TrainRecipe, recipe))


def rows(folder):
    return list(csv.DictReader((folder / "metrics.csv").open()))


def end_of(folder):
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def test_steps_are_whole_epochs(tmp_path):
    results = train(tiny_recipe(tmp_path / "run", steps=5))  # of 4 steps an epoch
    assert results["epochs"] == len(rows(tmp_path / "run")) == 2
    # The schedule is that of two epochs.
    train(tiny_recipe(tmp_path / "epochs", epochs=2))
    assert [row["lr"] for row in rows(tmp_path / "run")] == [row["lr"] for row in rows(tmp_path / "epochs")]


def test_patience_ends_a_run_that_gets_no_better(tmp_path):
    recipe = plus_recipe(tmp_path, epochs=9, patience=2)
    recipe["optimizer"] = {"lr": 1.0, "warmup_epochs": 0}
    results = train(recipe)
    assert len(rows(tmp_path / "run")) == results["best_epoch"] + 2 < 9
    # Resumed after its last epoch, it stays ended.
    before = end_of(tmp_path / "run")
    (tmp_path / "run/results.json").unlink()
    assert train(recipe)["best_epoch"] == results["best_epoch"]
    assert differences(before, end_of(tmp_path / "run")) == []


def test_an_average_lies_between_the_steps(tmp_path):
    for name, decay in (("plain", 0.0), ("mean", 0.9)):
        train(tiny_recipe(tmp_path / name, protocol="last", ema=decay))
    plain, mean = end_of(tmp_path / "plain"), end_of(tmp_path / "mean")
    key = "blocks.0.attn.qkv.branches.lora.B"
    average = mean["callbacks"]["MovingAverage"]["weights"][key]
    assert torch.equal(mean["state_dict"][key], average)
    # From zero, an average of a path is shorter than the path.
    assert 0 < average.norm() < plain["state_dict"][key].norm()
    assert plain["global_step"] == mean["global_step"]


def test_the_average_is_measured_and_training_goes_on_without_it(tmp_path):
    for name, decay in (("plain", 0.0), ("mean", 0.9)):
        train(tiny_recipe(tmp_path / name, ema=decay, epochs=2))
    plain, mean = end_of(tmp_path / "plain"), end_of(tmp_path / "mean")
    key = "blocks.0.attn.qkv.branches.lora.B"
    assert torch.equal(plain["state_dict"][key], mean["state_dict"][key])
    assert not torch.equal(*(end["callbacks"]["BestEpoch"]["weights"][key] for end in (plain, mean)))


def test_interpolation_scales_the_update_and_what_else_changed():
    start = {"head.weight": torch.zeros(2), "a.branches.lora.A": torch.ones(2), "a.branches.lora.B": torch.zeros(2)}
    end = {"head.weight": torch.ones(2), "a.branches.lora.A": torch.full((2,), 3.0), "a.branches.lora.B": torch.ones(2)}
    half = interpolated(start, end, 0.5)
    assert half["head.weight"].tolist() == [0.5, 0.5]
    update = half["a.branches.lora.B"][:, None] @ half["a.branches.lora.A"][None]
    torch.testing.assert_close(update, torch.full((2, 2), 1.5))


def test_the_best_factor_is_kept_and_the_furthest_of_equals():
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    start = trained_state(model)
    end = {name: value + 1 for name, value in start.items()}
    figures = {0.0: 0.2, 0.25: 0.6, 0.5: 0.6, 0.75: 0.1, 1.0: 0.5}

    def measure():
        way = float((model.weight.detach() - start["weight"]).mean())
        return figures[round(way * 4) / 4]

    assert best_factor(model, start, end, measure) == (0.5, 0.6)
    torch.testing.assert_close(model.weight.detach(), start["weight"] + 0.5)
    load_trained_state(model, start)


def test_plus_killed_with_everything_on_ends_alike(tmp_path):
    options = {"ema": 0.8, "patience": 2, "checkpoint_every_steps": 1}
    whole, killed = (plus_recipe(tmp_path, name, **options) for name in ("whole", "killed"))
    assert run_process(whole) == 0
    for kill_at in (2, 4):
        assert run_process(killed, kill_at=kill_at) == -9
    assert run_process(killed) == 0
    assert differences(*(end_of(tmp_path / name) for name in ("whole", "killed"))) == []
    results = [(tmp_path / name / "adapter/adapter_model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patience": 3, "protocol": "last"}, "training.patience is 3"),
        ({"interpolate": True, "protocol": "last"}, "training.interpolate is true"),
        ({"protocol": "k_fold", "devices": 2}, "training.devices is 2"),
        ({"protocol": "k_fold", "folds": 1}, "training.folds is 1"),
        ({"fold": 0}, "training.fold needs"),
        ({"ema": 1.0}, "training.ema is 1.0"),
        ({"steps": 0}, "training.steps is 0"),
        ({"least_gain": -1.0}, "training.least_gain is -1.0"),
    ],
)
def test_settings_that_make_no_sense_are_named(settings, words):
    with pytest.raises(ConfigError, match=words):
        TrainingConfig(**settings)
