"""A picture of what methods reach with how many labels: a curve each, with a band over the seeds."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pointlora.errors import ShapeError
from pointlora.reports.figures import new_figure, save_png
from pointlora.reports.label_axis import count_ticks, covered

# Told apart with every kind of colour vision (Okabe and Ito, 2008), darker where they were faint on white.
COLORS = ("#0072b2", "#d55e00", "#00845f", "#b5568f", "#b07c00", "#3a9bd6", "#222222")
_MARKS = "osD^v<>"
_DASHES = ("-", "--", ":")
# In parts of the picture.
_LEFT, _BOTTOM, _TOP, _GAP = 0.092, 0.13, 0.91, 0.02
_LABEL_LETTERS = 24


@dataclass(frozen=True)
class LabelCurve:
    """A method: labels a class `x` (above 0, rising), figures `y` in percent, and their standard deviations."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    error: Sequence[float]


def draw_label_curves(
    curves: Sequence[LabelCurve],
    places: Mapping[int | str, float],
    path: str | os.PathLike[str],
    title: str = "",
    figure: str = "accuracy",
    of: str = "class",
    note: str = "",
) -> Path:
    """Write a PNG: a figure against the labels of each class on a logarithmic axis, with a band of ± its error.

    The names stand beside the curves, from the highest end to the lowest. A curve that later ones lie on
    is drawn wider, so that it is seen beneath them.

    Args:
        curves: at least one.
        places: number of labels -> where it lies; at least two that differ.
        path: where to; its folder is made.
        title: above the picture.
        figure: what `y` is.
        of: what labels are counted by.
        note: small, at the foot, such as what the bands are.

    Raises:
        ShapeError: no curve, or fewer than two places.
        ConfigError: if matplotlib isn't installed.
    """
    if not curves or len(set(places.values())) < 2:
        raise ShapeError("a picture of learning curves needs a method and two numbers of labels that differ")
    drawn = new_figure(9, 5)
    axes = drawn.add_axes((_LEFT, _BOTTOM, 0.7, _TOP - _BOTTOM))
    hidden = covered([list(zip(curve.x, curve.y, strict=True)) for curve in curves])
    lines = [_draw(axes, curve, number, hidden[number]) for number, curve in enumerate(curves)]
    order = sorted(range(len(curves)), key=lambda number: -curves[number].y[-1])
    legend = drawn.legend(
        [lines[number] for number in order],
        [textwrap.fill(curves[number].label, _LABEL_LETTERS) for number in order],
        loc="center right",
        bbox_to_anchor=(0.995, (_BOTTOM + _TOP) / 2),
        frameon=False,
        fontsize=9,
        handlelength=2.4,
        labelspacing=0.7,
        borderaxespad=0,
    )
    _decorate(axes, places, figure, of, title)
    _set_limits(axes, curves)
    drawn.text(0.995, 0.025, note, ha="right", fontsize=8, color="#5c636a")
    # The curves take what the names leave.
    left = legend.get_window_extent(drawn.canvas.get_renderer()).x0 / drawn.bbox.width
    axes.set_position((_LEFT, _BOTTOM, left - _GAP - _LEFT, _TOP - _BOTTOM))
    return save_png(drawn, path)


def _draw(axes: Any, curve: LabelCurve, number: int, above: int) -> Any:
    color = COLORS[number % len(COLORS)]
    x, y, error = (np.array(values, dtype=float) for values in (curve.x, curve.y, curve.error))
    axes.fill_between(x, np.maximum(y - error, 0), np.minimum(y + error, 100), color=color, alpha=0.13, linewidth=0)
    (line,) = axes.plot(
        x,
        y,
        color=color,
        linestyle=_DASHES[number // len(COLORS) % len(_DASHES)],
        linewidth=1.8 + 2.6 * above,
        marker=_MARKS[number % len(_MARKS)],
        markersize=5.5 + 4.0 * above,
        markeredgecolor="white",
        markeredgewidth=0.6,
    )
    return line


def _set_limits(axes: Any, curves: Sequence[LabelCurve]) -> None:
    x = np.concatenate([curve.x for curve in curves])
    y, error = (np.concatenate([getattr(curve, name) for curve in curves]) for name in ("y", "error"))
    low, high = np.maximum(y - error, 0).min(), np.minimum(y + error, 100).max()
    room = max(0.05 * (high - low), 0.5)
    wide = (x.max() / x.min()) ** 0.04
    axes.set_xlim(x.min() / wide, x.max() * wide)
    axes.set_ylim(low - room, high + room)


def _decorate(axes: Any, places: Mapping[int | str, float], figure: str, of: str, title: str) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    ticks = count_ticks(places)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator([tick.at for tick in ticks]))
    axes.xaxis.set_major_formatter(FixedFormatter([tick.text for tick in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(f"labels of each {of} to train on (logarithmic)")
    axes.set_ylabel(f"{figure} on the test set, %")
    axes.set_title(title, fontsize=11)
