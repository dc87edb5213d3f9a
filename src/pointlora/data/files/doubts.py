"""What is odd about a cloud that was read, and may be a mistake of the user's or of the program that wrote it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Points that a patch has in the published models.
PATCH_POINTS = 32
# A point is far where it lies further from the median than this many times the range of the middle 80 % of the points.
_FAR = 20.0
_MOST_FAR = 0.01
# As many points tell where most of them lie.
_FOR_QUANTILES = 10_000
# Odd numbers of 64 random bits.
_MULTIPLIERS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)


def cloud_warnings(
    path: Path,
    points: NDArray[np.float32],
    offset: NDArray[np.float64],
    num_dropped: int,
    file_rows: int,
    featured: bool = False,
) -> tuple[str, ...]:
    """Lines about a cloud (N, 3), each naming its file: rows dropped, very few, coincident or far-away points."""
    found = []
    if num_dropped:
        what = "coordinates or features" if featured else "coordinates"
        found.append(f"{num_dropped} of {file_rows} points have no {what} (NaN) and were left out")
    if len(points) < PATCH_POINTS:
        found.append(f"has only {len(points)} points, fewer than a patch of {PATCH_POINTS}")
    distinct = _count_distinct(points)
    if 2 * distinct <= len(points):
        found.append(f"its {len(points)} points lie at only {distinct} different places")
    far = _far_points(points)
    if len(far):
        example = ", ".join(f"{value:.10g}" for value in points[far[0]].astype(np.float64) + offset)
        found.append(f"{len(far)} of {len(points)} points lie far from the rest, e.g. ({example}): remove them?")
    return tuple(f"{path}: {line}" for line in found)


def _count_distinct(points: NDArray[np.float32]) -> int:
    """Number of different points, told apart by a hash of 64 bits: sorting whole rows takes twenty times as long."""
    # Adding zero makes -0.0 and 0.0 the same bytes.
    bits = np.ascontiguousarray(points + np.float32(0)).view(np.uint32).astype(np.uint64)
    hashed = np.sort((bits * np.array(_MULTIPLIERS, np.uint64)).sum(axis=1, dtype=np.uint64))
    return 1 + int(np.count_nonzero(hashed[1:] != hashed[:-1]))


def _far_points(points: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices of at most one point in a hundred (but at least one) that lie far away from all others."""
    if len(points) < 10:
        return np.zeros(0, np.int64)
    some = points[:: -(-len(points) // _FOR_QUANTILES)]
    low, middle, high = np.quantile(some, (0.1, 0.5, 0.9), axis=0)
    reach = float((high - low).max())
    far = np.flatnonzero((np.abs(points - middle) > _FAR * reach).any(axis=1))
    return far if reach > 0 and len(far) <= max(1, _MOST_FAR * len(points)) else far[:0]
