"""Cross-validation in place of a validation split, and what each cloud was taken for while it was held out."""

import contextlib
import csv
import io
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pointlora.data.datasets import open_dataset
from pointlora.errors import ConfigError, DataError
from pointlora.inspection.run import describe_run
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training import head_fitting
from pointlora.training.fit import fine_tune
from pointlora.training.folds import fold_members, fold_split
from pointlora.training.k_fold import best_epochs, mean_curve, out_of_fold
from pointlora.training.run_outputs import results_table
from pointlora.training.tasks import get_task
from training_runs import OPTIONS, plus_recipe, run_process, tiny_parts

FOLDS, EPOCHS = 2, 2
NAMES = get_task("classification").answers
SHAPES = {**OPTIONS, "categories": ["chair", "stool", "table"], "variant": "scan"}


def train(recipe):
    return fine_tune(from_mapping(TrainRecipe, recipe))


def hard_recipe(folder, name="run", **training):
    """Of shapes that are much alike: some clouds are taken for others, at each step different ones."""
    settings = {"protocol": "k_fold", "folds": FOLDS, "epochs": EPOCHS, "least_gain": 0.0, "seed": 6} | training
    recipe = plus_recipe(folder, name, **settings)
    recipe["data"] |= {"num_points": 32, "options": dict(SHAPES)}
    recipe["optimizer"]["lr"] = 0.02
    return recipe


def table_of(folder):
    with (folder / "out_of_fold.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run's folder, its recipe, and what it said."""
    folder = tmp_path_factory.mktemp("k_fold")
    recipe = hard_recipe(folder)
    with contextlib.redirect_stderr(io.StringIO()) as said:
        train(recipe)
    return folder / "run", recipe, said.getvalue()


@pytest.fixture(scope="module")
def results(run):
    return json.loads((run[0] / "results.json").read_text())


@pytest.fixture
def training_set():
    return open_dataset("procedural", None, "train", **SHAPES)


def test_curves_of_folds_are_joined():
    curve = mean_curve([[None, 0.5, 0.7], [None, 0.6]], [10, 30])
    assert curve[0] is None
    assert curve[1:] == pytest.approx([0.575, 0.625])
    assert best_epochs(curve) == 2
    assert best_epochs([0.5, 0.5, 0.4]) == 0


def test_each_cloud_is_held_out_once_and_classes_are_spread(training_set):
    held = [fold_split(training_set, 4, fold, seed=1)[1] for fold in range(4)]
    assert sorted(index for part in held for index in part.indices) == list(range(36))
    assert all(sorted(part.labels.tolist()) == [0] * 3 + [1] * 3 + [2] * 3 for part in held)
    assert [part.indices.tolist() for part in held] == [fold_members(training_set, 4, n, 1).tolist() for n in range(4)]
    assert fold_split(training_set, 4, None, seed=1) == (training_set, None)
    with pytest.raises(DataError, match="36 clouds can't be cut into 40 folds"):
        fold_split(training_set, 40, 0, seed=1)


def test_k_fold_chooses_epochs_and_trains_on_all_labels(run, results):
    assert "18 clouds" in run[2]
    assert "36 clouds" in run[2]
    assert len(results["held_out_curve"]) == EPOCHS + 1
    assert results["best_epoch"] == best_epochs(results["held_out_curve"])
    assert results["best_epoch"] > 0
    assert max(results["held_out_curve"]) < 1
    assert results["selected_on"] == "held-out folds of the training set"
    assert results["selection_accuracy"] is None
    assert results["count"] == 12


def test_each_training_cloud_is_predicted_once(run, results, training_set):
    rows = table_of(run[0])
    assert [row["cloud"] for row in rows] == list(training_set.sources)
    names = training_set.class_names
    assert [row["true"] for row in rows] == [names[label] for label in training_set.labels]
    assert all(1 / len(names) < float(row["probability"]) <= 1 for row in rows)
    hits = [row["true"] == row["predicted"] for row in rows]
    assert results["out_of_fold_accuracy"] == np.mean(hits)
    assert results["out_of_fold_accuracy"] == pytest.approx(results["held_out_curve"][results["best_epoch"]], abs=1e-12)
    classes = [np.mean([hit for hit, row in zip(hits, rows, strict=True) if row["true"] == name]) for name in names]
    assert results["out_of_fold_class_mean_accuracy"] == pytest.approx(np.mean(classes), abs=1e-12)


def test_every_step_of_the_curve_is_that_of_its_predictions(run, results, training_set):
    recipe, labels = from_mapping(TrainRecipe, run[1]), torch.from_numpy(training_set.labels)
    for epochs, figure in enumerate(results["held_out_curve"]):
        answers = out_of_fold(recipe, training_set, epochs, NAMES)
        assert float((answers["predicted"] == labels).double().mean()) == pytest.approx(figure, abs=1e-12)
    # A fold that ended early gives what it found last.
    last = out_of_fold(recipe, training_set, EPOCHS, NAMES)
    assert torch.equal(out_of_fold(recipe, training_set, 9, NAMES)["probability"], last["probability"])


def test_predictions_are_those_of_the_model_that_had_not_seen_the_cloud(run, training_set):
    found = out_of_fold(from_mapping(TrainRecipe, run[1]), training_set, 0, NAMES)["predicted"]
    for fold in range(FOLDS):
        own = load_file(run[0] / f"fold_{fold}" / "held_out.safetensors")
        assert set(own) == {f"{step}.{name}" for step in range(EPOCHS + 1) for name in ("predicted", "probability")}
        members = fold_members(training_set, FOLDS, fold, run[1]["training"].get("seed", 0))
        assert torch.equal(found[members], own["0.predicted"])


def test_the_figure_is_named_where_the_protocol_is(run, results):
    words = (
        f"out of fold: accuracy {100 * results['out_of_fold_accuracy']:.2f} %, "
        f"class mean {100 * results['out_of_fold_class_mean_accuracy']:.2f} %"
    )
    assert results_table(results).splitlines()[0].endswith(f"held-out folds of the training set; {words}")
    assert describe_run(run[0])["out_of_fold_accuracy"] == results["out_of_fold_accuracy"]


@pytest.mark.parametrize("damage", ["missing", "damaged", "no answers after 2 epochs", "no answers of this name"])
def test_a_fold_without_its_answers_is_named(run, training_set, tmp_path, damage):
    shutil.copytree(run[0], tmp_path / "copy")
    path, more = tmp_path / "copy" / "fold_1" / "held_out.safetensors", ()
    if damage == "missing":
        path.unlink()
    elif damage == "damaged":
        path.write_bytes(path.read_bytes()[:-3])
    elif damage.endswith("epochs"):
        training_set = training_set.subset(range(33))
    else:
        more, damage = ("correct",), "no answers after 2 epochs"
    recipe = from_mapping(TrainRecipe, run[1] | {"output": str(tmp_path / "copy")})
    number = 0 if damage.startswith("no") else 1
    with pytest.raises(ConfigError, match=rf"(?s)held_out.safetensors .*{damage}.*: delete .*fold_{number} to run it"):
        out_of_fold(recipe, training_set, 2, (*NAMES, *more))


def test_without_a_clear_gain_the_folds_choose_the_probe(run, results, tmp_path, capsys):
    """Folds that are there already are kept; the gain is that of the clouds while they were held out."""
    shutil.copytree(run[0], tmp_path / "run")
    for file in ("results.json", "checkpoints/last.ckpt"):
        (tmp_path / "run" / file).unlink()
    recipe = run[1] | {"output": str(tmp_path / "run"), "training": run[1]["training"] | {"least_gain": 10.0}}
    for config in (tmp_path / "run").rglob("config.yaml"):
        config.write_text(config.read_text().replace("least_gain: 0.0", "least_gain: 10.0"))
    found = train(recipe)
    curve = results["held_out_curve"]
    assert found["held_out_curve"] == curve
    assert found["best_epoch"] == 0
    assert found["gain"] == pytest.approx(curve[results["best_epoch"]] - curve[0])
    assert found["out_of_fold_accuracy"] == pytest.approx(curve[0])
    assert "is kept (training.least_gain)" in capsys.readouterr().err


def test_folds_share_the_features_that_their_heads_are_fitted_to(run, tmp_path, monkeypatch):
    """A head of a fold is that of a run of its own, but for the random numbers of its copies; there are none here."""
    passes = []
    features = head_fitting._rows

    def counted(model, loader):
        passes.append(len(loader.dataset))
        return features(model, loader)

    monkeypatch.setattr(head_fitting, "_rows", counted)
    monkeypatch.setattr(head_fitting, "COPIES", ())
    monkeypatch.setattr(head_fitting, "TRIED_COPIES", 0)
    recipe = hard_recipe(tmp_path)
    results = train(recipe)
    assert passes == [36]
    own = hard_recipe(tmp_path, "own", fold=1, measure_test=False)
    fold = train(own)
    assert passes == [36, 18]
    assert fold["start"] == json.loads((tmp_path / "run/fold_1/results.json").read_text())["start"]
    assert 0 < fold["start"] < 1
    assert len(results["held_out_curve"]) == EPOCHS + 1


@pytest.mark.slow
def test_parts_have_the_figure_of_each_cloud(tmp_path):
    results = train(tiny_parts(tmp_path / "run", protocol="k_fold", folds=2, epochs=2))
    rows = table_of(tmp_path / "run")
    assert results["held_out_curve"][0] is None
    assert len({row["cloud"] for row in rows}) == len(rows) == OPTIONS["train_size"]
    assert {row["category"] for row in rows} == set(OPTIONS["categories"])
    assert results["out_of_fold_instance_miou"] == pytest.approx(results["held_out_curve"][results["best_epoch"]])
    mean = np.mean([float(row["instance_miou"]) for row in rows])
    assert results["out_of_fold_instance_miou"] == pytest.approx(mean, abs=1e-6)


@pytest.mark.slow
def test_k_fold_killed_in_any_run_ends_alike(tmp_path):
    """Of each fold, two epochs of two steps; then of the run on all labels, as many as were chosen, of four."""
    whole, killed = (hard_recipe(tmp_path, name, checkpoint_every_steps=1) for name in ("whole", "killed"))
    assert run_process(whole) == 0
    for kill_at in (3, 4, 4):  # in the second epoch of the first fold and of the second, and in the last run
        assert run_process(killed, kill_at=kill_at) == -9
    assert run_process(killed) == 0
    for file in (
        "adapter/adapter_model.safetensors",
        "out_of_fold.csv",
        "fold_0/held_out.safetensors",
        "fold_1/held_out.safetensors",
    ):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "killed" / file).read_bytes()
