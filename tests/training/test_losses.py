"""Losses of classes that occur unequally often."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from pointlora.errors import ConfigError
from pointlora.training.losses import ClassLoss, class_weights

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
