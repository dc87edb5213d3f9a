"""Losses of classes that occur unequally often."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from pointlora.errors import ConfigError
from pointlora.recipes.runs import TrainingConfig
from pointlora.training.losses import ClassLoss, class_weights, training_loss

LOGITS = torch.randn(12, 3, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0] * 8 + [1] * 3 + [2])


def test_plain_is_cross_entropy_bit_for_bit() -> None:
    expected = functional.cross_entropy(LOGITS, LABELS, label_smoothing=0.1)
    assert torch.equal(ClassLoss(0.1)(LOGITS, LABELS), expected)


def test_weights() -> None:
    counts = np.array([8, 3, 1])
    assert class_weights("none", counts) is None
    balanced, root = class_weights("balanced", counts), class_weights("sqrt", counts)
    assert balanced is not None
    assert root is not None
    np.testing.assert_allclose(balanced * counts, 4.0)  # each class has a third of the total
    np.testing.assert_allclose(root / root[2], [8**-0.5, 3**-0.5, 1])
    np.testing.assert_allclose((root * counts).sum(), 12)
    assert np.isfinite(class_weights("balanced", np.array([4, 0]))).all()  # type: ignore[arg-type]
    np.testing.assert_array_equal(class_weights([1, 2, 3], counts), [1, 2, 3])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="has 2 numbers, but the data has 3 classes"):
        class_weights([1, 2], counts)
    each = functional.cross_entropy(LOGITS, LABELS, reduction="none")
    expected = sum(each[label == LABELS].mean() for label in range(3)) / 3
    torch.testing.assert_close(ClassLoss(weights=balanced)(LOGITS, LABELS), expected)


def test_focal_loss() -> None:
    each = functional.cross_entropy(LOGITS, LABELS, reduction="none")
    expected = ((1 - (-each).exp()) ** 2 * each).mean()
    torch.testing.assert_close(ClassLoss(focal_gamma=2.0)(LOGITS, LABELS), expected)
    twice = ClassLoss(weights=np.full(3, 2.0), focal_gamma=2.0)(LOGITS, LABELS)
    torch.testing.assert_close(twice, expected)


@pytest.mark.parametrize("settings", [{}, {"label_smoothing": 0.1, "focal_gamma": 2.0}])
@pytest.mark.parametrize("setting", ["balanced", [1.0, 5.0, 2.0]])
def test_parts_of_a_batch_add_up(settings: dict[str, float], setting: str | list[float]) -> None:
    """Whichever clouds stand in a batch, each counts by its class: the first half has those of one class alone."""
    counts = np.array([8, 3, 1])
    loss = training_loss(TrainingConfig(class_weights=setting, **settings), counts)  # type: ignore[arg-type]
    whole = ClassLoss(weights=class_weights(setting, counts), **settings)(LOGITS, LABELS)
    torch.testing.assert_close(loss(LOGITS, LABELS), whole)
    halves = [loss(LOGITS[part], LABELS[part]) for part in (slice(6), slice(6, 12))]
    torch.testing.assert_close(sum(halves) / 2, whole)
    frequent = functional.cross_entropy(LOGITS[:6], LABELS[:6])
    if setting == "balanced" and not settings:
        torch.testing.assert_close(halves[0], frequent * 4 / 8)


def test_classes_shown_equally_often() -> None:
    """Weights beside balanced batches keep the mean of a loss that is the same for all."""
    counts = np.array([8, 4, 0])
    loss = training_loss(TrainingConfig(class_weights="balanced"), counts, evenly=True)
    logits, shown = torch.zeros(4, 3), torch.tensor([0, 0, 1, 1])
    torch.testing.assert_close(loss(logits, shown), torch.tensor(3.0).log())
