"""Checks on raw clouds: one as it is read, and all of them once before a run, while nothing is written yet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.progress import Progress
from pointlora.errors import DataError


def checked_cloud(dataset: PointCloudDataset, index: int, min_points: int = 1) -> NDArray[np.float32]:
    """Cloud `index` (N, 3) of a data set, finite and of at least `min_points` points.

    Args:
        dataset: where from.
        index: which.
        min_points: fewest points a cloud may have (a model's group size: neighbours can't be found among fewer).

    Raises:
        DataError: naming the file of a cloud that can't be read, is too small or isn't finite.
    """
    cloud = dataset.cloud(index)
    check_cloud(cloud, dataset.sources[index], min_points)
    return cloud


def check_cloud(cloud: NDArray[np.float32], source: str, min_points: int = 1) -> None:
    """A cloud (N, 3) must be finite and have at least `min_points` points.

    Raises:
        DataError: naming its source.
    """
    _check_size(len(cloud), min_points, source)
    if not np.isfinite(cloud).all():
        raise DataError(f"{source}: holds NaN or infinite coordinates")


def check_clouds(datasets: Sequence[PointCloudDataset], min_points: int = 1) -> None:
    """Read every cloud once, unless it has been checked before (`checked_sizes`) or is generated.

    Args:
        datasets: the splits of a run.
        min_points: as for `checked_cloud`.

    Raises:
        DataError: as `checked_cloud` does.
    """
    unread = []
    for dataset in datasets:
        sizes = dataset.checked_sizes()
        if sizes is not None:
            for small in np.flatnonzero(sizes < min_points).tolist():
                _check_size(int(sizes[small]), min_points, dataset.sources[small])
        elif not dataset.generated:
            unread.append(dataset)
    clouds = [(dataset, index) for dataset in unread for index in range(len(dataset))]
    with Progress("reading every cloud once", len(clouds)) as progress:
        for dataset, index in progress.over(clouds):
            checked_cloud(dataset, index, min_points)


def _check_size(size: int, min_points: int, source: str) -> None:
    if size < min_points:
        raise DataError(f"{source}: has {size} points; at least {min_points} are needed (the group size)")
