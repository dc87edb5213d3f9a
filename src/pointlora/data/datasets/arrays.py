"""Checks on arrays that come from files: points (n, N, 3), labels (n,), all finite and in range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointlora.errors import DataError

_CHUNK = 256  # clouds checked at a time, so that no second copy of a large array is made


def check_clouds(points: NDArray, source: str, first: int = 0) -> None:
    """Require (n, N, 3) finite floats with at least one cloud of at least one point; `first` is the first one's number.

    Raises:
        DataError: naming the source, and the index of the first bad cloud.
    """
    if points.ndim != 3 or points.shape[-1] != 3 or 0 in points.shape:
        raise DataError(f"{source} has shape {points.shape}; (clouds, points, 3) is expected, none of them 0")
    if points.dtype.kind != "f":
        raise DataError(f"{source} has dtype {points.dtype}; floating-point coordinates are expected")
    for start in range(0, len(points), _CHUNK):
        finite = np.isfinite(points[start : start + _CHUNK]).all(axis=(1, 2))
        if not finite.all():
            raise DataError(f"{source}: cloud {first + start + int(np.argmin(finite))} holds NaN or infinity")


def check_labels(labels: NDArray, count: int, num_classes: int | None, source: str) -> NDArray[np.int64]:
    """Labels as (n,) int64, from (n,) or (n, 1) integers (or floats that are whole numbers).

    Raises:
        DataError: for another shape or dtype, or a label outside 0 ... num_classes - 1.
    """
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (count,):
        raise DataError(f"{source} has shape {labels.shape}; one label for each of the {count} clouds is expected")
    if labels.dtype.kind not in "iuf":
        raise DataError(f"{source} has dtype {labels.dtype}; integer labels are expected")
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.round(labels)):
        raise DataError(f"{source} holds numbers that aren't whole; integer labels are expected")
    bad = labels < 0 if num_classes is None else (labels < 0) | (labels >= num_classes)
    if bad.any():
        index = int(np.argmax(bad))
        bound = "at least 0" if num_classes is None else f"0 ... {num_classes - 1}"
        raise DataError(f"{source}: label {labels[index]} of cloud {index} is out of range ({bound})")
    return labels.astype(np.int64)
