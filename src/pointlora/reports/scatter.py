"""A picture of what methods cost and what they reach: a labelled point each, with an error bar."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pointlora.errors import ShapeError
from pointlora.reports.figures import new_figure, save_png

COLOR = "#1864ab"
_GRAY = "#868e96"
# In parts of the picture: height of a line of text, width of a letter, gap between a point and its label.
_LINE, _LETTER, _GAP = 0.048, 0.0118, 0.018


@dataclass(frozen=True)
class LabelledPoint:
    """A method: `x` trained parameters (above 0), `y` the figure in percent, `error` its standard deviation."""

    label: str
    x: float
    y: float
    error: float = 0.0


class Box(NamedTuple):
    """A rectangle in parts of the picture, from 0 to 1 to the right and up."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: Box) -> float:
        """Common area."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0.0) * max(height, 0.0)


def draw_tradeoff(
    points: Sequence[LabelledPoint], path: str | os.PathLike[str], title: str = "", figure: str = "accuracy"
) -> Path:
    """Write a PNG: accuracy, or another figure, against trained parameters on a logarithmic axis.

    Args:
        points: at least one.
        path: where to; its folder is made.
        title: above the picture.
        figure: what `y` is.

    Raises:
        ShapeError: no point, or one without trained parameters.
        ConfigError: if matplotlib isn't installed.
    """
    if not points or min(point.x for point in points) <= 0:
        raise ShapeError("a picture of methods needs at least one, each with trained parameters")
    drawn = new_figure(8, 4.8)
    axes = drawn.add_axes((0.105, 0.12, 0.865, 0.79))
    x, y, error = (np.array([getattr(point, name) for point in points]) for name in ("x", "y", "error"))
    axes.errorbar(x, y, error, fmt="o", markersize=7, color=COLOR, ecolor=_GRAY, elinewidth=1.2, capsize=3)
    # Room for the labels.
    wide = max((x.max() / x.min()) ** 0.12, 1.6)
    low, high = (y - error).min(), (y + error).max()
    margin = max(0.1 * (high - low), 0.5)
    axes.set_xscale("log")
    axes.set_xlim(x.min() / wide, x.max() * wide)
    axes.set_ylim(low - margin, high + margin)
    _decorate(axes, title, figure)
    to_picture = axes.transAxes.inverted()

    def place(values: Any) -> Any:
        return to_picture.transform(axes.transData.transform(np.stack([x, values], 1)))

    middles, lows, highs = place(y), place(y - error), place(y + error)
    marks = [
        Box(at[0] - 0.01, min(bottom[1], at[1] - 0.017), at[0] + 0.01, max(top[1], at[1] + 0.017))
        for at, bottom, top in zip(middles, lows, highs, strict=True)
    ]
    boxes = place_labels([tuple(at) for at in middles], [point.label for point in points], marks)
    for point, box in zip(points, boxes, strict=True):
        axes.annotate(
            point.label,
            (point.x, point.y),
            (box.left, (box.bottom + box.top) / 2),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            arrowprops={"arrowstyle": "-", "color": _GRAY, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4},
        )
    return save_png(drawn, path)


def place_labels(places: Sequence[tuple[float, float]], labels: Sequence[str], marks: Sequence[Box]) -> list[Box]:
    """Where labels stand: near their points, not on other labels, marks, or beyond the edge, as far as there is room.

    Args:
        places: the points, in parts of the picture.
        labels: a text each.
        marks: what each point covers, its error bar included.
    """
    boxes: list[Box] = []
    for (x, y), label in zip(places, labels, strict=True):
        width = _LETTER * len(label)
        tried = []
        for lines in (0, 1, -1, 2, -2, 3, -3, 4, -4):
            for left in (x + _GAP, x - _GAP - width):
                middle = y + lines * _LINE
                box = Box(left, middle - _LINE / 2, left + width, middle + _LINE / 2)
                covered = sum(box.overlap(other) for other in (*boxes, *marks)) / (width * _LINE)
                outside = min(box) < 0 or max(box) > 1
                tried.append((100 * outside + 20 * covered + abs(lines) + 0.5 * (left < x), box))
        boxes.append(min(tried, key=lambda found: found[0])[1])
    return boxes


def short_count(value: float) -> str:
    """A number of parameters: 200 k, 1.5 M."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _decorate(axes: Any, title: str, figure: str) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short_count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("trained parameters")
    axes.set_ylabel(f"{figure} on the test set, %")
    axes.set_title(title, fontsize=11)
