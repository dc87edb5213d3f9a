"""How dense and how large clouds are, so that one that is far from those of training can be noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pointlora.data.datasets.base import PointCloudDataset

# Enough clouds, and enough points of one, to know what is usual.
_MOST_CLOUDS, _MOST_POINTS = 64, 256
_MOST_SEARCHED = 16_384
_FEWEST_POINTS = 16  # fewer say nothing of a density, and that they are few is said elsewhere
# A cloud is far from those of training beyond so many times their range.
FAR_SPACING, FAR_EXTENT = 2.0, 5.0


def spacing_and_extent(points: NDArray[np.float32]) -> tuple[float, float]:
    """Median distance of points (N, 3) to their nearest neighbour, as a share of the radius, and this radius.

    Of a large cloud, a part is searched, and the distance is scaled as on a surface.
    """
    from pointlora.data.transforms import unit_sphere

    center, radius = unit_sphere(points)
    if len(points) < 2:
        return 0.0, radius
    step = -(-len(points) // _MOST_SEARCHED)
    rows = np.ascontiguousarray(((points[::step] - center) / radius).astype(np.float32).T)
    count = rows.shape[1]
    spacings = sorted(_nearest(rows, place) for place in range(0, count, -(-count // _MOST_POINTS)))
    return spacings[(len(spacings) - 1) // 2] / float(np.sqrt(step)), radius


def _nearest(rows: NDArray[np.float32], place: int) -> float:
    """The distance of the point at a place of rows (3, N) to the nearest other one."""
    squares = rows - rows[:, place, None]
    squares *= squares
    squares[:, place] = np.inf
    return float(np.sqrt((squares[0] + squares[1] + squares[2]).min()))


def usual_density(dataset: PointCloudDataset, thinnest: float = 1.0) -> dict[str, list[float]]:
    """Ranges of `spacing` and `extent` that the clouds of a data set have.

    Args:
        dataset: for training; of a large one, clouds that are evenly spread over it are looked at.
        thinnest: smallest share of points that augmentation leaves of a cloud.
    """
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(len(dataset), _MOST_CLOUDS)).astype(int)).tolist()
    found = np.array([spacing_and_extent(dataset.cloud(index)[:, :3]) for index in chosen])
    low, high = np.quantile(found, (0.05, 0.95), axis=0)
    high[0] /= np.sqrt(thinnest)
    return {"spacing": [float(low[0]), float(high[0])], "extent": [float(low[1]), float(high[1])]}


def density_warning(points: NDArray[np.float32], usual: Mapping[str, Any]) -> str | None:
    """What is far from usual about a cloud (N, 3), for a line to the user; None where nothing is.

    Args:
        points: of one file.
        usual: from `usual_density`.
    """
    if len(points) < _FEWEST_POINTS:
        return None
    spacing, extent = spacing_and_extent(points)
    low, high = usual["spacing"]
    if not low / FAR_SPACING <= spacing <= high * FAR_SPACING:
        return f"its points lie {spacing:.2g} of its radius apart, in training {low:.2g} to {high:.2g}: expect errors"
    low, high = usual["extent"]
    if not low / FAR_EXTENT <= extent <= high * FAR_EXTENT:
        return f"its radius is {extent:.3g}, in training {low:.3g} to {high:.3g}: another unit, or no single object?"
    return None
