"""Pictures of clouds whose points have part labels: a sheet of them, each with the names of its parts."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.errors import ShapeError
from pointlora.reports.clouds import project
from pointlora.reports.figures import new_figure, save_png

# More points hide each other at the size of a cell.
MOST_POINTS = 8_000
# Rows and columns of a cell's legend; parts beyond are counted, not named.
_ROWS, _COLUMNS = 4, 2


@dataclass(frozen=True)
class PartPanel:
    """One cloud of a picture.

    Attributes:
        points: (N, 3).
        labels: (N,) number of each point's part.
        names: part number -> what to call it in the legend, largest part first.
        title: above the cloud.
    """

    points: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: dict[int, str]
    title: str = ""


def thinned(number: int) -> NDArray[np.int64]:
    """Which of so many points a picture shows: all, or a random `MOST_POINTS`, the same every time; ascending."""
    if number <= MOST_POINTS:
        return np.arange(number)
    return np.sort(np.random.default_rng(0).choice(number, MOST_POINTS, replace=False))


def draw_parts(
    panels: Sequence[PartPanel],
    path: str | os.PathLike[str],
    colors: NDArray[np.uint8],
    columns: int = 4,
    up_axis: str = "z",
    title: str = "",
) -> Path:
    """Write a PNG with one cloud per cell, seen from the same side, and under each one the colours of its parts.

    Args:
        panels: at least one.
        path: where to; its folder is made.
        colors: (parts, 3) from 0 to 255.
        columns: cells per row.
        up_axis: `x`, `y` or `z`, the axis that points up in the picture.
        title: above the picture.

    Raises:
        ShapeError: no panel, or points and labels that don't fit together.
        ConfigError: if matplotlib isn't installed.
    """
    if not panels:
        raise ShapeError("there is no cloud to draw")
    for panel in panels:
        if panel.points.shape != (len(panel.labels), 3):
            raise ShapeError(f"{len(panel.labels)} labels for points {panel.points.shape}; (N, 3) and (N,) are needed")
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    lines = max(_legend_lines(panel) for panel in panels)
    # Inches: a cell is 3 wide, and has 0.3 for its title, 2.7 for the cloud, and 0.21 for each line of its legend.
    above, legend = (0.5 if title else 0.05), 0.12 + 0.21 * lines
    width, cell = 3.0 * columns, 3.0 + legend
    height = cell * rows + above
    figure = new_figure(width, height)
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        bottom = height - above - (row + 1) * cell
        box = ((3.0 * column + 0.1) / width, (bottom + legend) / height, 2.8 / width, 2.7 / height)
        _draw_panel(figure.add_axes(box), panel, colors, up_axis)
        below = figure.add_axes((3.0 * column / width, bottom / height, 3.0 / width, legend / height))
        _draw_legend(below, panel, colors)
    if title:
        figure.suptitle(title, fontsize=13, y=1 - 0.12 / height, va="top")
    return save_png(figure, path, dots_per_inch=100)


def _draw_panel(axes: Any, panel: PartPanel, colors: NDArray[np.uint8], up_axis: str) -> None:
    shown = thinned(len(panel.points))
    view = project(panel.points[shown], up_axis)
    order = view[:, 2].argsort()
    view, labels = view[order], panel.labels[shown][order]
    far = 1 - (view[:, 2] - view[0, 2]) / max(view[-1, 2] - view[0, 2], 1e-9)
    # Points far away fade a little toward white, which shows depth and leaves the hue.
    own = colors[labels] / 255
    faded = own + 0.45 * far[:, None] ** 1.5 * (1 - own)
    size = float(np.clip(2.5e4 / len(view), 5, 30))
    axes.scatter(view[:, 0], view[:, 1], s=size * (1.2 - 0.5 * far), c=faded, linewidths=0)
    center = (view[:, :2].min(0) + view[:, :2].max(0)) / 2
    radius = 1.05 * max(float(np.ptp(view[:, :2], axis=0).max()) / 2, 1e-6)
    axes.set_xlim(center[0] - radius, center[0] + radius)
    axes.set_ylim(center[1] - radius, center[1] + radius)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(_shortened(panel.title, 38), fontsize=10.5, pad=3)


def _draw_legend(axes: Any, panel: PartPanel, colors: NDArray[np.uint8]) -> None:
    from matplotlib.lines import Line2D

    axes.set_axis_off()
    if not panel.names:
        return
    most = _ROWS * _COLUMNS
    shown = list(panel.names.items())[: most if len(panel.names) <= most else most - 1]
    texts = [_shortened(name, 20) for _, name in shown]
    drawn = [tuple(colors[part] / 255) for part, _ in shown]
    if len(shown) < len(panel.names):
        texts.append(f"and {len(panel.names) - len(shown)} more")
        drawn.append((1.0, 1.0, 1.0))
    handles = [
        Line2D([], [], linestyle="none", marker="o", markersize=9, color=color, label=text)
        for color, text in zip(drawn, texts, strict=True)
    ]
    axes.legend(
        handles=handles,
        loc="upper center",
        ncols=min(len(handles), _COLUMNS),
        frameon=False,
        fontsize=9.5,
        handletextpad=0.1,
        columnspacing=0.8,
        labelspacing=0.3,
        borderpad=0,
        borderaxespad=0.2,
    )


def _legend_lines(panel: PartPanel) -> int:
    return min(math.ceil(len(panel.names) / _COLUMNS), _ROWS)


def _shortened(text: str, most: int) -> str:
    if len(text) > most:  # both ends tell files of one folder apart
        text = f"{text[: most // 2]}…{text[len(text) - (most - 1) // 2 :]}"
    return text.replace("$", r"\$")  # matplotlib takes what is between dollars for a formula
