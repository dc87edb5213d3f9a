"""Part segmentation figures against a slow reading of their definition, and the corners of it."""

import numpy as np
import pytest
import torch

from part_samples import part_metrics
from pointlora.data.parts.space import PartSpace
from pointlora.training.part_segmentation.metrics import predict_parts, shape_counts

SPACE = PartSpace(
    ("wing", "body", "tail", "handle", "blade", "whole"), ("plane", "knife", "ball"), ((0, 1, 2), (3, 4), (5,))
)


def slow_figures(truth, predicted, category, space):
    """Instance and class mIoU as the papers define them, in plain loops."""
    by_category = {}
    for real, found, number in zip(truth, predicted, category, strict=True):
        ious = []
        for part in space.parts_of[number]:
            both = sum(1 for a, b in zip(real, found, strict=True) if a == part and b == part)
            either = sum(1 for a, b in zip(real, found, strict=True) if part in (a, b))
            ious.append(1.0 if either == 0 else both / either)
        by_category.setdefault(number, []).append(sum(ious) / len(ious))
    shapes = [value for values in by_category.values() for value in values]
    means = [sum(values) / len(values) for values in by_category.values()]
    return sum(shapes) / len(shapes), sum(means) / len(means)


def random_shapes(space, categories, seed):
    generator = np.random.default_rng(seed)
    truth, predicted = [], []
    for number in categories:
        parts = np.array(space.parts_of[number])
        size = int(generator.integers(1, 30))
        truth.append(generator.choice(parts[: generator.integers(1, len(parts) + 1)], size))
        predicted.append(np.where(generator.random(size) < 0.5, truth[-1], generator.choice(parts, size)))
    return truth, predicted


@pytest.mark.parametrize("seed", range(5))
def test_figures_equal_the_definition(seed):
    category = np.random.default_rng(seed + 100).integers(0, 3, 40)
    truth, predicted = random_shapes(SPACE, category, seed)
    metrics = part_metrics(truth, predicted, category, SPACE)
    instance, classes = slow_figures(truth, predicted, category, SPACE)
    assert metrics.instance_miou == pytest.approx(instance, abs=1e-12)
    assert metrics.class_miou == pytest.approx(classes, abs=1e-12)
    right = sum(int((a == b).sum()) for a, b in zip(truth, predicted, strict=True))
    assert metrics.accuracy == pytest.approx(right / sum(map(len, truth)))


def test_a_part_that_neither_has_counts_as_one():
    metrics = part_metrics([np.array([0, 0, 1])], [np.array([0, 1, 1])], [0], SPACE)
    assert metrics.per_part["plane"] == {"wing": 0.5, "body": 0.5, "tail": 1.0}
    assert metrics.instance_miou == pytest.approx(2 / 3)


def test_a_part_that_only_the_prediction_has_counts_as_nothing():
    metrics = part_metrics([np.array([0, 0])], [np.array([0, 2])], [0], SPACE)
    assert metrics.per_part["plane"] == {"wing": 0.5, "body": 1.0, "tail": 0.0}


def test_a_category_of_one_part_is_always_right():
    scores = torch.randn(1, 20, 6, generator=torch.Generator().manual_seed(0))
    found = predict_parts(scores, torch.tensor([2]), torch.from_numpy(SPACE.allowed))
    assert (found == 5).all()
    assert part_metrics([np.full(20, 5)], found.numpy(), [2], SPACE).instance_miou == 1.0


def test_a_category_without_a_shape_has_no_figure_and_no_weight():
    metrics = part_metrics([np.array([3, 4]), np.array([5])], [np.array([3, 3]), np.array([5])], [1, 2], SPACE)
    assert metrics.per_category == {"plane": None, "knife": pytest.approx(0.25), "ball": 1.0}
    assert metrics.class_miou == pytest.approx((0.25 + 1) / 2)
    assert metrics.per_part["plane"] == {"wing": None, "body": None, "tail": None}


def test_class_miou_weighs_categories_and_instance_miou_shapes():
    truth = [np.array([3, 4])] * 3 + [np.array([5])]
    predicted = [np.array([3, 4])] * 2 + [np.array([4, 3]), np.array([5])]
    metrics = part_metrics(truth, predicted, [1, 1, 1, 2], SPACE)
    assert metrics.instance_miou == pytest.approx(3 / 4)
    assert metrics.class_miou == pytest.approx((2 / 3 + 1) / 2)


def test_predictions_are_chosen_among_the_categorys_own_parts():
    scores = torch.zeros(2, 1, 6)
    scores[:, :, 5], scores[:, :, 4], scores[:, :, 1] = 9, 2, 1
    found = predict_parts(scores, torch.tensor([0, 1]), torch.from_numpy(SPACE.allowed))
    assert found.tolist() == [[1], [4]]


def test_padding_does_not_count():
    truth, predicted = torch.tensor([[3, 4, -1, -1]]), torch.tensor([[3, 4, 3, 4]])
    counts = shape_counts(truth, predicted, torch.tensor([1]), SPACE)
    assert counts.tolist() == shape_counts(truth[:, :2], predicted[:, :2], torch.tensor([1]), SPACE).tolist()
    assert counts[0, :3].tolist() == [1, 2, 2]


def test_without_categories_and_without_shapes():
    space = PartSpace(("inside", "outside"))
    metrics = part_metrics([np.array([0, 1, 1])], [np.array([0, 1, 0])], None, space)
    assert metrics.instance_miou == metrics.class_miou == pytest.approx(0.5)
    assert part_metrics([], [], None, space).as_dict()["instance_miou"] == 0.0


def test_plain_values():
    import json

    metrics = part_metrics([np.array([3, 4]), np.array([5])], [np.array([3, 3]), np.array([5])], [1, 2], SPACE)
    figures = metrics.as_dict()
    assert figures["per_part"]["plane"]["tail"] is None
    assert json.loads(json.dumps(figures))["per_category"]["ball"] == 1.0
