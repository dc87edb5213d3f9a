"""Farthest point sampling with NumPy alone: the picks of `pointlora.ops.sampling`, where torch isn't there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def farthest_points(clouds: Sequence[NDArray[np.float32]], num_samples: int) -> list[NDArray[np.float32]]:
    """FPS from point 0 of the clouds (N_i, 3 + F) that have more than `num_samples` points; the others as they are."""
    return [cloud[farthest_picks(cloud[:, :3], num_samples)] if len(cloud) > num_samples else cloud for cloud in clouds]


def farthest_picks(points: NDArray[np.float32], num_samples: int) -> NDArray[np.int64]:
    """Indices (num_samples,) of the farthest points (N, 3), from point 0 on, in the order in which they are picked.

    Each distance is rounded as torch's, (dx * dx + dy * dy) + dz * dz, and ties go to the lowest index: the picks are
    the same, index for index.
    """
    x, y, z = np.array(points.T, dtype=np.float32, order="C")
    distances = np.full_like(x, np.inf)
    square, work = np.empty_like(x), np.empty_like(x)
    picks = np.zeros(num_samples, dtype=np.int64)
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(1, num_samples):
            last = picks[step - 1]
            np.subtract(x, x[last], out=square)
            np.multiply(square, square, out=square)
            for row in (y, z):
                np.subtract(row, row[last], out=work)
                np.multiply(work, work, out=work)
                np.add(square, work, out=square)
            np.minimum(distances, square, out=distances)
            picks[step] = distances.argmax()
    return picks
