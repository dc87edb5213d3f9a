"""Checks on raw clouds: one as it is read, and all of them once before a run, while nothing is written yet."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pointlora.data.datasets.base import PointCloudDataset
from pointlora.errors import DataError

_QUIET_SECONDS = 2.0


def checked_cloud(dataset: PointCloudDataset, index: int, min_points: int = 1) -> NDArray[np.float32]:
    """Cloud `index` (N, 3) of a data set, finite and of at least `min_points` points.

    Args:
        dataset: where from.
        index: which.
        min_points: fewest points a cloud may have (a model's group size: neighbours can't be found among fewer).

    Raises:
        DataError: naming the file of a cloud that can't be read, is too small or isn't finite.
    """
    cloud, source = dataset.cloud(index), dataset.sources[index]
    if len(cloud) < min_points:
        raise DataError(f"{source}: has {len(cloud)} points; at least {min_points} are needed (the group size)")
    if not np.isfinite(cloud).all():
        raise DataError(f"{source}: holds NaN or infinite coordinates")
    return cloud


def check_clouds(datasets: Sequence[PointCloudDataset], min_points: int = 1) -> None:
    """Read every cloud once; generated ones need no check. What takes more than two seconds shows its progress.

    Args:
        datasets: the splits of a run.
        min_points: as for `checked_cloud`.

    Raises:
        DataError: as `checked_cloud` does.
    """
    clouds = [(dataset, index) for dataset in datasets if not dataset.generated for index in range(len(dataset))]
    started, shown = time.monotonic(), False
    for done, (dataset, index) in enumerate(clouds):
        checked_cloud(dataset, index, min_points)
        if sys.stderr.isatty() and time.monotonic() - started > _QUIET_SECONDS:
            print(f"\rreading every cloud once: {done + 1} of {len(clouds)}", end="", file=sys.stderr, flush=True)
            shown = True
    if shown:
        print(file=sys.stderr)
