"""Coordinates as they are read: which rows hold a point, whether all are finite, and what float32 can hold of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.limits import data_error

# float32 may move a coordinate by this share of the cloud's extent along its axis, not further.
MAX_FLOAT32_ERROR = 1e-6
_LARGEST = float(np.finfo(np.float32).max)


def finite_rows(path: Path, points: np.ndarray) -> tuple[np.ndarray, NDArray[np.int64] | None]:
    """Coordinates (N, 3) of the rows that hold a point, and the numbers of these rows; None for all.

    Raises:
        DataError: wrong shape or dtype, no row left, infinite coordinates.
    """
    points = _as_floats(path, points)
    if all_finite(points):
        return points, None
    empty = np.isnan(points).any(axis=1)
    infinite = (np.abs(points) > _LARGEST).any(axis=1)
    if infinite.any():
        number, first = int(infinite.sum()), int(infinite.argmax())
        problem = f"{number} of {len(points)} points are infinite or above 3.4e38, the first has index {first}"
        raise data_error(path, problem, "remove those points")
    if empty.all():
        raise data_error(path, f"all of its {len(points)} points are NaN", "at least one point is needed")
    kept = np.flatnonzero(~empty)
    return points[kept], kept


def check_coordinates(path: Path, points: np.ndarray, indices: NDArray[np.int64] | None = None) -> np.ndarray:
    """Return (N, 3) coordinates as float32 or float64 after checking that all are finite.

    Args:
        path: the file, for messages.
        points: (N, 3) coordinates.
        indices: (N,) where they stand in the file, for messages.

    Raises:
        DataError: wrong shape or dtype, no points, NaN or infinite coordinates.
    """
    points = _as_floats(path, points)
    if not all_finite(points):
        bad = ~(np.abs(points) <= _LARGEST).all(axis=1)
        number, first = int(bad.sum()), int(bad.argmax())
        first = first if indices is None else int(indices[first])
        problem = f"{number} of {len(points)} points are NaN, infinite or above 3.4e38, the first has index {first}"
        raise data_error(path, problem, "remove those points")
    return points


def float32_offset(points: np.ndarray) -> NDArray[np.float64]:
    """Return what to subtract, (3,) float64: along each axis the mean, or 0 where float32 is near enough as it is.

    It is where the largest error of the cast to float32 is at most a millionth of the cloud's extent along that axis
    (along the longest axis where this one has no extent).
    """
    offset = np.zeros(3)
    if points.dtype != np.float64:
        return offset
    extents = np.array([np.ptp(points[:, axis]) for axis in range(3)])
    extents = np.where(extents > 0, extents, extents.max())
    for axis in range(3):
        values = points[:, axis]
        if np.abs(values.astype(np.float32) - values).max() > MAX_FLOAT32_ERROR * extents[axis]:
            offset[axis] = values.mean()
    return offset


def all_finite(points: np.ndarray) -> bool:
    """Whether all of some numbers, at least one, are finite in float32."""
    # NaN is the result of a minimum with NaN, and fails both comparisons.
    with np.errstate(invalid="ignore"):
        return bool(float(points.min()) >= -_LARGEST and float(points.max()) <= _LARGEST)


def _as_floats(path: Path, points: np.ndarray) -> np.ndarray:
    points = np.asarray(points)
    if points.dtype.kind not in "fiu":
        raise data_error(path, f"coordinates have dtype {points.dtype}", "store real numbers, e.g. float32")
    if points.ndim != 2 or points.shape[1] != 3:
        raise data_error(path, f"coordinates have shape {points.shape}", "store an array of shape (N, 3)")
    if len(points) == 0:
        raise data_error(path, "there are no points", "at least one point is needed")
    if points.dtype.newbyteorder("=") == np.float16:
        return points.astype(np.float32)
    if points.dtype.newbyteorder("=") != np.float32:
        points = points.astype(np.float64, copy=False)
    return points
