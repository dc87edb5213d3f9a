"""Schedules for few labels: steps, patience, averages, interpolation, k folds."""

import csv

import pytest
import torch

from pointlora.data.datasets import open_dataset
from pointlora.errors import ConfigError, DataError
from pointlora.models.create import create_model
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainingConfig, TrainRecipe
from pointlora.training.averaging import best_factor, interpolated
from pointlora.training.data import fold_split
from pointlora.training.fit import fine_tune
from pointlora.training.k_fold import best_epochs, mean_curve
from pointlora.training.trained_state import load_trained_state, trained_state
from training_runs import OPTIONS, SIZES, differences, run_process, tiny_recipe


def plus_recipe(tmp_path, name="run", **training):
    weights = tmp_path / "weights.pth"
    if not weights.exists():
        torch.manual_seed(0)
        torch.save(create_model("point_mae", num_classes=3, **SIZES).state_dict(), weights)
    recipe = tiny_recipe(tmp_path / name, **training)
    recipe["model"]["checkpoint"] = str(weights)
    return recipe | {"method": {"name": "pointlora-plus", "rank": 2}}


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


def test_curves_of_folds_are_joined():
    curve = mean_curve([[None, 0.5, 0.7], [None, 0.6]], [10, 30])
    assert curve[0] is None
    assert curve[1:] == pytest.approx([0.575, 0.625])
    assert best_epochs(curve) == 2
    assert best_epochs([0.5, 0.5, 0.4]) == 0


def test_each_cloud_is_held_out_once_and_classes_are_spread():
    data = open_dataset("procedural", None, "train", **OPTIONS)
    held = [fold_split(data, 4, fold, seed=1)[1] for fold in range(4)]
    assert sorted(index for part in held for index in part.indices) == list(range(36))
    assert all(sorted(part.labels.tolist()) == [0] * 3 + [1] * 3 + [2] * 3 for part in held)
    assert fold_split(data, 4, None, seed=1) == (data, None)
    with pytest.raises(DataError, match="36 clouds can't be cut into 40 folds"):
        fold_split(data, 40, 0, seed=1)


def test_k_fold_chooses_epochs_and_trains_on_all_labels(tmp_path, capsys):
    results = train(plus_recipe(tmp_path, protocol="k_fold", folds=3, epochs=2))
    said = capsys.readouterr().err
    assert "24 clouds" in said
    assert "36 clouds" in said
    assert len(results["held_out_curve"]) == 3
    assert results["best_epoch"] == best_epochs(results["held_out_curve"])
    assert results["selected_on"] == "held-out folds of the training set"
    assert results["selection_accuracy"] is None
    assert results["count"] == 12


@pytest.mark.slow
def test_k_fold_killed_ends_alike(tmp_path):
    whole, killed = (plus_recipe(tmp_path, name, protocol="k_fold", folds=2, epochs=2) for name in ("whole", "killed"))
    assert run_process(whole) == 0
    assert run_process(killed, kill_at=3) == -9
    assert run_process(killed) == 0
    results = [(tmp_path / name / "adapter/adapter_model.safetensors").read_bytes() for name in ("whole", "killed")]
    assert results[0] == results[1]


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
    ],
)
def test_settings_that_make_no_sense_are_named(settings, words):
    with pytest.raises(ConfigError, match=words):
        TrainingConfig(**settings)
