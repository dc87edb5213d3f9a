"""What a reader returns: points in float32, their attributes, and the shift that kept their precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pointlora.data.files.limits import data_error

# float32 has 24 bits: beyond this ratio a coordinate keeps fewer than 10 bits of the object's own extent.
MAX_DISTANCE_IN_EXTENTS = 1e4


@dataclass(frozen=True)
class PointCloud:
    """A point cloud read from a file.

    Attributes:
        points: (N, 3) float32, in the units of the file; add `offset` to get the coordinates of the file.
        attributes: per-point arrays by name, each with N rows: "normals" (N, 3) float32, "colors" (N, 3) uint8 and
            "labels" (N,) int64 where the file has them, other properties under their own name and dtype.
        path: the file.
        offset: (3,) float64, what was subtracted before the cast to float32; zeros unless the cloud lies further
            from the origin than 10^4 times its own extent (map coordinates) and float32 cannot hold it exactly.
        sampled: whether the points were drawn from the surface of a mesh; otherwise they are those of the file.
    """

    points: np.ndarray
    attributes: dict[str, np.ndarray]
    path: Path
    offset: np.ndarray = field(default_factory=lambda: np.zeros(3))
    sampled: bool = False

    def __len__(self) -> int:
        return len(self.points)


def build_cloud(path: Path, points: np.ndarray, attributes: Mapping[str, np.ndarray] | None = None) -> PointCloud:
    """Check coordinates and attributes and make a PointCloud of them.

    Args:
        path: the file they come from.
        points: (N, 3) real numbers of any dtype.
        attributes: arrays of N rows by name.

    Raises:
        DataError: wrong shape or dtype, no points, NaN or infinite coordinates, an attribute of another length.
    """
    points = check_coordinates(path, points)
    attributes = dict(attributes or {})
    for name, values in attributes.items():
        if values.shape[:1] != (len(points),):
            problem = f"{name!r} has shape {values.shape} for {len(points)} points"
            raise data_error(path, problem, "store one row a point")
    offset = _offset(points)
    # Without a shift the cast is done directly, so that float32 input comes back bit for bit (-0.0 included).
    shifted = points - offset if offset.any() else points
    return PointCloud(np.ascontiguousarray(shifted, dtype=np.float32), attributes, path, offset)


def check_coordinates(path: Path, points: np.ndarray) -> np.ndarray:
    """Return (N, 3) coordinates as float32 or float64 after checking that all are finite; see `build_cloud`."""
    points = np.asarray(points)
    if points.dtype.kind not in "fiu":
        raise data_error(path, f"coordinates have dtype {points.dtype}", "store real numbers, e.g. float32")
    if points.ndim != 2 or points.shape[1] != 3:
        raise data_error(path, f"coordinates have shape {points.shape}", "store an array of shape (N, 3)")
    if len(points) == 0:
        raise data_error(path, "there are no points", "one point is the least")
    if points.dtype.newbyteorder("=") not in (np.float16, np.float32):
        points = points.astype(np.float64)
    bad = ~(np.abs(points) <= np.finfo(np.float32).max).all(axis=1)
    if bad.any():
        number, first = int(bad.sum()), int(bad.argmax())
        problem = f"{number} of {len(points)} points are NaN, infinite or above 3.4e38, the first has index {first}"
        raise data_error(path, problem, "remove those points")
    return points


def as_labels(values: np.ndarray) -> np.ndarray | None:
    """Return whole numbers of any dtype as (N,) int64, or None where `values` are something else."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        return None
    if values.dtype.kind == "f":
        whole = np.abs(values) < 2.0**53
        whole &= np.where(whole, values, 0.5) % 1 == 0
        if not whole.all():
            return None
    elif values.dtype.kind == "u" and len(values) and values.max() > np.iinfo(np.int64).max:
        return None
    return values.astype(np.int64)


def _offset(points: np.ndarray) -> np.ndarray:
    """Return the (3,) float64 centroid where float32 would lose the shape of a far-away cloud, else zeros."""
    if points.dtype != np.float64 or (points.astype(np.float32) == points).all():
        return np.zeros(3)
    extent = float(np.ptp(points, axis=0).max())
    if float(np.abs(points).max()) <= MAX_DISTANCE_IN_EXTENTS * extent:
        return np.zeros(3)
    return points.mean(axis=0)
