"""Part segmentation figures as the papers have them (Yi et al., 2016; Qi et al., PointNet++, 2017).

Of each shape, every part of its category has an intersection over union, 1 where neither truth nor prediction has it;
the shape's own figure is their mean. Instance mIoU is the mean over shapes; class mIoU the mean over categories of the
mean over their shapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointlora.data.parts.space import PartSpace


@dataclass(frozen=True)
class PartMetrics:
    """Figures of one evaluation, all in [0, 1].

    Attributes:
        space: parts and categories.
        category: (n,) of each shape.
        intersections, unions: (n, K) points of each part of the shape's category, in the order of `space.parts_of`;
            K is that of the category with most parts, and what is beyond a category's own means nothing.
        correct, points: (n,) points labelled rightly, and all.
    """

    space: PartSpace
    category: NDArray[np.int64]
    intersections: NDArray[np.int64]
    unions: NDArray[np.int64]
    correct: NDArray[np.int64]
    points: NDArray[np.int64]

    @cached_property
    def part_ious(self) -> NDArray[np.float64]:
        """(n, K) intersection over union of each part of each shape; NaN beyond a category's own parts."""
        ious = np.where(self.unions > 0, self.intersections / np.maximum(self.unions, 1), 1.0)
        counts = np.array([len(parts) for parts in self.space.parts_of])[self.category]
        return np.where(np.arange(ious.shape[1]) < counts[:, None], ious, np.nan)

    @cached_property
    def shape_ious(self) -> NDArray[np.float64]:
        """(n,) mean over the parts of each shape's category."""
        return np.nanmean(self.part_ious, axis=1) if len(self.category) else np.zeros(0)

    @property
    def of_each(self) -> dict[str, Tensor]:
        """(n,) of each shape its figure, its points labelled rightly, and all of its points."""
        found = {"instance_miou": self.shape_ious, "correct": self.correct, "points": self.points}
        return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in found.items()}

    @property
    def instance_miou(self) -> float:
        """Mean over shapes."""
        return float(self.shape_ious.mean()) if len(self.shape_ious) else 0.0

    @property
    def class_miou(self) -> float:
        """Mean over the categories that occur of the mean over their shapes."""
        present = [value for value in self.per_category.values() if value is not None]
        return float(np.mean(present)) if present else 0.0

    @property
    def shapes(self) -> list[int]:
        """Shapes of each category."""
        return np.bincount(self.category, minlength=len(self.space.class_names)).tolist()

    @property
    def per_category(self) -> dict[str, float | None]:
        """Mean over the shapes of each category; None for one that doesn't occur."""
        found: dict[str, float | None] = {}
        for number, name in enumerate(self.space.class_names):
            members = self.shape_ious[self.category == number]
            found[name] = float(members.mean()) if len(members) else None
        return found

    @property
    def per_part(self) -> dict[str, dict[str, float | None]]:
        """Category -> part -> mean over the category's shapes; None for a category that doesn't occur."""
        found: dict[str, dict[str, float | None]] = {}
        for number, name in enumerate(self.space.class_names):
            rows = self.part_ious[self.category == number]
            found[name] = {
                self.space.part_names[part]: float(rows[:, place].mean()) if len(rows) else None
                for place, part in enumerate(self.space.parts_of[number])
            }
        return found

    @property
    def accuracy(self) -> float:
        """Share of all points that are labelled rightly."""
        return float(self.correct.sum() / max(self.points.sum(), 1))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "instance_miou": self.instance_miou,
            "class_miou": self.class_miou,
            "accuracy": self.accuracy,
            "count": len(self.category),
            "points": int(self.points.sum()),
            "shapes": dict(zip(self.space.class_names, self.shapes, strict=True)),
            "per_category": self.per_category,
            "per_part": self.per_part,
            **self.space.as_dict(),
        }


def predict_parts(scores: Tensor, category: Tensor, allowed: Tensor) -> Tensor:
    """The best-scored part of each point among those of its object's category.

    Args:
        scores: (B, M, parts) logits or probabilities.
        category: (B,) int64; zeros without categories.
        allowed: (categories, parts) bool, see `PartSpace.allowed`.

    Returns:
        (B, M) int64.
    """
    return scores.masked_fill(~allowed[category][:, None], -torch.inf).argmax(-1)


def shape_counts(truth: Tensor, predicted: Tensor, category: Tensor, space: PartSpace) -> Tensor:
    """What `metrics_from_counts` needs of each shape.

    Args:
        truth: (B, M) int64 labels; points of label -1 don't count.
        predicted: (B, M) int64 labels.
        category: (B,) int64; zeros without categories.
        space: parts and categories.

    Returns:
        (B, 3 + 2K) int64: category, points labelled rightly, points, K intersections, K unions.
    """
    most = max(map(len, space.parts_of))
    table = torch.tensor([[*parts, *[-2] * (most - len(parts))] for parts in space.parts_of], device=truth.device)
    parts = table[category][:, :, None]  # (B, K, 1)
    real = truth >= 0
    is_truth = truth[:, None] == parts
    is_predicted = (predicted[:, None] == parts) & real[:, None]
    counts = [((truth == predicted) & real).sum(1, keepdim=True), real.sum(1, keepdim=True)]
    counts += [(is_truth & is_predicted).sum(2), (is_truth | is_predicted).sum(2)]
    return torch.cat([category[:, None], *counts], 1)


def metrics_from_counts(counts: NDArray[np.int64], space: PartSpace) -> PartMetrics:
    """Figures from the rows (n, 3 + 2K) of `shape_counts`."""
    most = max(map(len, space.parts_of))
    category, correct, points = counts[:, 0], counts[:, 1], counts[:, 2]
    return PartMetrics(space, category, counts[:, 3 : 3 + most], counts[:, 3 + most :], correct, points)
