"""The confusion matrix: how strong each cell is drawn, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pointlora.reports.page.content import Confusion


@dataclass(frozen=True)
class Cell:
    """A count, where it stands, how strong it is drawn (0 to 1, of its row), and whether its text must be light."""

    true: int
    predicted: int
    count: int
    strength: float
    strong: bool
    text: str


@dataclass(frozen=True)
class ConfusionView:
    """Rows of cells with the classes' names; `small` where there are so many classes that counts have little room."""

    names: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    small: bool
    summary: str


def confusion_view(confusion: Confusion) -> ConfusionView:
    """A cell's strength is its share of the true class, on a scale that lets small errors be seen."""
    counts = np.asarray(confusion.counts)
    totals = np.maximum(counts.sum(1, keepdims=True), 1)
    strengths = np.sqrt(counts / totals)
    names, size = list(confusion.names), len(confusion.names)
    rows = [
        [
            _cell(names, true, predicted, int(counts[true, predicted]), float(strengths[true, predicted]))
            for predicted in range(size)
        ]
        for true in range(size)
    ]
    right, total = int(np.trace(counts)), int(counts.sum())
    summary = (
        f"{total:,} clouds, {right:,} right and {total - right:,} wrong. Rows are true classes, columns predicted ones."
    )
    return ConfusionView(names, rows, size > 16, summary)


def _cell(names: Sequence[str], true: int, predicted: int, count: int, strength: float) -> Cell:
    said = f"{count:,} × {names[true]} taken for {names[predicted]}"
    if true == predicted:
        said = f"{count:,} × {names[true]}, right"
    return Cell(true, predicted, count, round(strength, 3), strength > 0.62, said)
