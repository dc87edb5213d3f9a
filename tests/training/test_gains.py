"""What tuning gains over its start, and whether that is more than chance."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from part_samples import part_metrics
from pointlora.data.parts.space import PartSpace
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import CRITERIA, TrainRecipe
from pointlora.reporting.head import head_of_run
from pointlora.training.classification.metrics import metrics_from
from pointlora.training.fit import fine_tune
from pointlora.training.gains import Gain, paired_gain
from pointlora.training.losses import evenly
from pointlora.training.tasks import get_task
from pointlora.training.tuning import keeps_tuning
from training_runs import plus_recipe


def test_a_gain_and_its_error():
    before, after = torch.tensor([0.0, 0, 1, 1, 0]), torch.tensor([1.0, 1, 1, 0, 1])
    gain = paired_gain(before, after)
    assert gain.mean == pytest.approx(0.4)
    # Of differences 1, 1, 0, -1, 1 the sample variance is 0.8.
    assert gain.error == pytest.approx((0.8 / 5) ** 0.5)
    assert gain.exceeds(0.9)
    assert not gain.exceeds(1.1)
    # The best of 8 equals is expected up to 2.04 standard errors above their mean.
    assert Gain(0.205, 0.1).exceeds(1, 8)
    assert not Gain(0.203, 0.1).exceeds(1, 8)
    # One cloud says nothing of its spread.
    alone = paired_gain(torch.zeros(1), torch.ones(1))
    assert not alone.exceeds(1)
    assert alone.as_dict() == {"gain": 1.0, "gain_error": None}


@pytest.mark.parametrize(("better", "worse", "kept"), [(1, 0, False), (3, 1, False), (6, 3, False), (4, 1, True)])
def test_a_gain_of_just_its_error_is_none_whatever_the_number_of_clouds(better, worse, kept):
    """Mean and error are equal where (b - w)^2 = b + w; rounding must not decide."""
    for clouds in range(better + worse + 1, 200):
        after = torch.zeros(clouds)
        after[:better], after[better : better + worse] = 1, -1
        assert paired_gain(torch.zeros(clouds), after).exceeds(1) == kept


def test_equals_are_no_gain(capsys):
    assert not paired_gain(torch.ones(4), torch.ones(4)).exceeds(0)
    assert not keeps_tuning(Gain(0.04, 0.03), 1.0, 16, 47)
    said = capsys.readouterr().err
    assert "the best of 16 epochs gains +4.00 points, standard error 3.00, on 47 clouds" in said
    assert keeps_tuning(Gain(0.04, 0.03), 1.0, 1, 47)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("criterion", CRITERIA["classification"])
def test_scores_of_clouds_have_the_criterion_as_their_mean(criterion):
    generator = np.random.default_rng(0)
    labels, predicted = generator.integers(0, 4, 50), generator.integers(0, 4, 50)
    labels[labels == 2] = 3  # a class that doesn't occur
    scores = get_task("classification").scores(
        {"predicted": torch.from_numpy(predicted)}, SimpleNamespace(labels=labels), criterion
    )
    figures = metrics_from(labels, predicted, tuple("abcd")).as_dict()
    assert float(scores.mean()) == pytest.approx(figures[criterion], abs=1e-12)
    assert scores.dtype == torch.float64


@pytest.mark.parametrize("criterion", CRITERIA["part_segmentation"])
def test_scores_of_shapes_have_the_criterion_as_their_mean(criterion):
    generator = np.random.default_rng(1)
    space = PartSpace(("wing", "body", "blade"), ("plane", "knife"), ((0, 1), (2,)))
    category = np.array([0, 0, 0, 1, 0])
    truth = [
        generator.integers(0, 2, size) if kind == 0 else np.full(size, 2)
        for kind, size in zip(category, (9, 20, 5, 7, 11), strict=True)
    ]
    found = [np.where(generator.random(len(one)) < 0.5, one, one[::-1]) for one in truth]
    metrics = part_metrics(truth, found, category, space)
    scores = get_task("part_segmentation").scores(metrics.of_each, SimpleNamespace(labels=category), criterion)
    assert float(scores.mean()) == pytest.approx(metrics.as_dict()[criterion], abs=1e-12)


def test_classes_that_count_evenly():
    assert evenly(np.array([5, 5, 5, 7])).tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])


def test_without_a_clear_gain_a_run_ends_as_its_probe(tmp_path, capsys):
    """The same run with and without the rule: with it, the adapter holds the start."""
    recipes = {
        name: plus_recipe(tmp_path, name, epochs=2, least_gain=least) for name, least in (("all", 0.0), ("clear", 10.0))
    }
    for recipe in recipes.values():
        recipe["data"] |= {"num_points": 64, "validation_fraction": 0.5}
        recipe["optimizer"]["lr"] = 0.02
        recipe["method"]["readout"] = "scales"  # a linear head, so that its start is a probe
    runs = {name: fine_tune(from_mapping(TrainRecipe, recipe)) for name, recipe in recipes.items()}
    assert runs["all"]["best_epoch"] > 0
    assert "gain" not in runs["all"]
    clear = runs["clear"]
    assert clear["best_epoch"] == 0
    assert clear["selection_accuracy"] == clear["start"] == runs["all"]["start"]
    assert clear["gain"] == pytest.approx(runs["all"]["selection_accuracy"] - clear["start"])
    assert 0 < clear["gain"] <= 10 * clear["gain_error"]
    assert "the fitted head is kept (training.least_gain)" in capsys.readouterr().err
    probe = plus_recipe(tmp_path, "probe", epochs=2)
    probe["data"] |= {"num_points": 64, "validation_fraction": 0.5}
    probe["method"] = {"name": "probe"}
    expected = fine_tune(from_mapping(TrainRecipe, probe))
    for key in ("accuracy", "confusion_matrix", "selection_accuracy"):
        assert clear[key] == expected[key]
    written = json.loads((tmp_path / "clear/results.json").read_text())
    assert written["best_epoch"] == 0
    assert "interpolation" not in written
    figure = head_of_run(written, "").probe
    assert "which was kept" in figure.name
    # A run that was begun before answers were kept with its start ends alike.
    last = tmp_path / "clear/checkpoints/last.ckpt"
    state = torch.load(last, weights_only=True)
    state["callbacks"]["Start"].pop("answers")
    torch.save(state, last)
    (tmp_path / "clear/results.json").unlink()
    again = fine_tune(from_mapping(TrainRecipe, recipes["clear"]))
    assert (again["best_epoch"], again["gain"]) == (0, clear["gain"])
