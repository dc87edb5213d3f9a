"""Pictures of point clouds: a grid of shaded clouds with the selected tokens on top."""

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
from pointlora.reports.figures import new_figure, save_png

# One colour per scale of selection: the finest first.
SCALE_COLORS = ("#e8590c", "#862e9c", "#2b8a3e", "#1864ab")
_TITLE_COLORS = {True: "#2b8a3e", False: "#c92a2a", None: "black"}


@dataclass(frozen=True)
class CloudPanel:
    """One cloud of a picture.

    Attributes:
        points: (N, 3).
        title: above the cloud, one or two lines.
        correct: colours the title green or red; None leaves it black.
        selected: centers (K, 3) of the selected patches, an array a scale.
    """

    points: NDArray[np.float32]
    title: str = ""
    correct: bool | None = None
    selected: Sequence[NDArray[np.float32]] = ()


def draw_clouds(
    panels: Sequence[CloudPanel],
    path: str | os.PathLike[str],
    columns: int = 4,
    up_axis: str = "z",
    scale_names: Sequence[str] = (),
    title: str = "",
) -> Path:
    """Write a PNG with one cloud per cell, seen from the same side, near points larger and brighter.

    Args:
        panels: at least one.
        path: where to; its folder is made.
        columns: cells per row.
        up_axis: `x`, `y` or `z`, the axis that points up in the picture.
        scale_names: of the scales of selection, for the legend.
        title: above the picture.

    Raises:
        ShapeError: no panel, or points of a wrong shape.
        ConfigError: if matplotlib isn't installed.
    """
    if not panels:
        raise ShapeError("there is no cloud to draw")
    for panel in panels:
        for points in (panel.points, *panel.selected):
            if points.ndim != 2 or points.shape[1] != 3:
                raise ShapeError(f"a cloud to draw must be (N, 3), got {points.shape}")
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    # Inches: 2.5 x 2.75 a cell, room for a title above and for the legend below.
    above, below = (0.55 if title else 0.1), (0.4 if scale_names else 0.05)
    height = 2.75 * rows + above + below
    figure = new_figure(2.5 * columns, height)
    grid = figure.add_gridspec(
        rows, columns, left=0.01, right=0.99, top=1 - above / height, bottom=below / height, wspace=0.02, hspace=0.02
    )
    for number, panel in enumerate(panels):
        _draw_panel(figure.add_subplot(grid[divmod(number, columns)]), panel, up_axis)
    if title:
        figure.suptitle(title, fontsize=13, y=1 - 0.12 / height, va="top")
    if scale_names:
        _draw_legend(figure, scale_names)
    return save_png(figure, path, dots_per_inch=100)


def project(points: NDArray, up_axis: str = "z", azimuth: float = 35.0, elevation: float = 20.0) -> NDArray[np.float64]:
    """Orthographic view of (N, 3) points: columns are right, up and toward the viewer.

    Args:
        points: (N, 3).
        up_axis: which axis points up.
        azimuth: degrees by which the viewer has walked around the object.
        elevation: degrees by which the viewer looks down on it.
    """
    # A cyclic shift of the axes is a rotation; it brings the up axis into the third column.
    shift = {"x": 2, "y": 1, "z": 0}[up_axis]
    x, y, z = np.roll(np.asarray(points, dtype=np.float64), shift, axis=1).T
    a, e = math.radians(azimuth), math.radians(elevation)
    right, forward = y * math.cos(a) - x * math.sin(a), x * math.cos(a) + y * math.sin(a)
    return np.stack([right, z * math.cos(e) - forward * math.sin(e), forward * math.cos(e) + z * math.sin(e)], axis=1)


def _draw_panel(axes: Any, panel: CloudPanel, up_axis: str) -> None:
    view = project(panel.points, up_axis)
    view = view[view[:, 2].argsort()]
    near = (view[:, 2] - view[0, 2]) / max(view[-1, 2] - view[0, 2], 1e-9)
    axes.scatter(
        view[:, 0], view[:, 1], s=3 + 7 * near, c=0.15 + 0.7 * near, cmap="GnBu_r", vmin=0, vmax=1.25, linewidths=0
    )
    for number, centers in enumerate(panel.selected):
        seen = project(centers, up_axis)
        color = SCALE_COLORS[number % len(SCALE_COLORS)]
        # Coarser scales get larger rings, so that a center that several scales chose shows all of them.
        axes.scatter(seen[:, 0], seen[:, 1], s=34 + 70 * number, facecolors="none", edgecolors=color, linewidths=1.8)
    center = (view[:, :2].min(0) + view[:, :2].max(0)) / 2
    radius = 1.08 * max(float(np.ptp(view[:, :2], axis=0).max()) / 2, 1e-6)
    axes.set_xlim(center[0] - radius, center[0] + radius)
    axes.set_ylim(center[1] - radius, center[1] + radius)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(panel.title, fontsize=11, color=_TITLE_COLORS[panel.correct], pad=2)


def _draw_legend(figure: Any, scale_names: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [],
            [],
            linestyle="none",
            marker="o",
            markersize=6 + 3 * number,
            markerfacecolor="none",
            markeredgewidth=1.5,
            color=SCALE_COLORS[number % len(SCALE_COLORS)],
            label=name,
        )
        for number, name in enumerate(scale_names)
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), frameon=False, fontsize=10)
