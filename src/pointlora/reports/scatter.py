"""A picture of what methods cost and what they reach: a labelled point each, with an error bar."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.errors import ShapeError
from pointlora.reports.figures import new_figure, save_png

COLOR = "#1864ab"
_GRAY = "#868e96"
# Of the picture's height, between the middles of two labels; of its width, what a letter takes.
_LINE, _LETTER = 0.052, 0.0125


@dataclass(frozen=True)
class LabelledPoint:
    """A method: `x` trained parameters (above 0), `y` accuracy in percent, `error` its standard deviation."""

    label: str
    x: float
    y: float
    error: float = 0.0


def draw_tradeoff(points: Sequence[LabelledPoint], path: str | os.PathLike[str], title: str = "") -> Path:
    """Write a PNG: accuracy against trained parameters on a logarithmic axis.

    Args:
        points: at least one.
        path: where to; its folder is made.
        title: above the picture.

    Raises:
        ShapeError: no point, or one without trained parameters.
        ConfigError: if matplotlib isn't installed.
    """
    if not points or min(point.x for point in points) <= 0:
        raise ShapeError("a picture of methods needs at least one, each with trained parameters")
    figure = new_figure(8, 4.8)
    axes = figure.add_axes((0.09, 0.12, 0.88, 0.79))
    x, y, error = (np.array([getattr(point, name) for point in points]) for name in ("x", "y", "error"))
    axes.errorbar(x, y, error, fmt="o", markersize=7, color=COLOR, ecolor=_GRAY, elinewidth=1.2, capsize=3)
    axes.set_xscale("log")
    # Room for the labels, which stand to the right of their points.
    axes.set_xlim(x.min() / 1.6, x.max() * max((x.max() / x.min()) ** 0.3, 2.5))
    low, high = (y - error).min(), (y + error).max()
    margin = max(0.08 * (high - low), 0.5)
    axes.set_ylim(low - margin, high + margin)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("trained parameters")
    axes.set_ylabel("accuracy on the test set, %")
    axes.set_title(title, fontsize=11)
    places = axes.transAxes.inverted().transform(axes.transData.transform(np.stack([x, y], 1)))
    for point, (left, _), height in zip(points, places, label_heights(places, [p.label for p in points]), strict=True):
        axes.annotate(
            point.label,
            (point.x, point.y),
            (left + 0.022, height),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            arrowprops={"arrowstyle": "-", "color": _GRAY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 4},
        )
    return save_png(figure, path)


def label_heights(places: NDArray[np.float64], labels: Sequence[str]) -> list[float]:
    """Heights at which labels stand beside their points without covering each other.

    Args:
        places: (n, 2) points, in parts of the picture.
        labels: n texts.

    Returns:
        n heights, in parts of the picture, near those of the points.
    """
    heights = [float(height) for height in places[:, 1]]
    ends = [left + 0.022 + _LETTER * len(label) for left, label in zip(places[:, 0], labels, strict=True)]
    for _ in range(200):
        moved = False
        order = sorted(range(len(labels)), key=lambda index: (heights[index], index))
        for position, low in enumerate(order):
            for high in order[position + 1 :]:
                apart = places[low, 0] > ends[high] or places[high, 0] > ends[low]
                overlap = _LINE - (heights[high] - heights[low])
                if not apart and overlap > 1e-6:
                    heights[low] -= overlap / 2
                    heights[high] += overlap / 2
                    moved = True
        if not moved:
            break
    shift = max(0.02 - min(heights), 0.0) - max(max(heights) - 0.98, 0.0)
    return [height + shift for height in heights] if abs(shift) < 0.1 else heights
