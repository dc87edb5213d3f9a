"""Scans of the KITTI benchmark: plain float32 values x, y, z, intensity, without a header."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pointlora.data.files.content import Content
from pointlora.data.files.limits import data_error
from pointlora.data.files.tables import named_content

_NAMES = ("x", "y", "z", "intensity", "ring")
_FIX = "KITTI scans are float32 x, y, z, intensity, and end in .pcd.bin with a fifth value (nuScenes)"
# Farther than any scanner sees, in metres.
_MAX_DISTANCE = 1e5
_MAX_INTENSITY = 65535.0
# So many tell three columns from four.
_FIRST_VALUES = 12_000


def read_kitti(path: Path) -> Content:
    """Read a .bin file of KITTI, four float32 a point, or a .pcd.bin file of nuScenes, five.

    Many programs call files .bin. This one is taken for a scan if its size fits, coordinates are within 100 km
    of the scanner and not all the same, and intensities are from 0 to 65535; rows without a point may be NaN.

    Raises:
        DataError: it can't be such a scan.
    """
    width = 5 if path.name.lower().endswith(".pcd.bin") else 4
    size = path.stat().st_size
    if size % (4 * width):
        raise data_error(path, f"is not a scan: its {size} bytes aren't a multiple of {4 * width}", _FIX)
    table = np.fromfile(path, "<f4").reshape(-1, width)
    empty = np.isnan(table[:, :3]).any(axis=1)
    known = table[~empty] if empty.any() else table
    if not len(known) or not _is_plausible(known):
        raise data_error(path, "is not a scan: its values aren't coordinates and intensities", _FIX)
    if width == 4 and _are_three_columns(table):
        raise data_error(path, "is not a scan: its values are x, y, z without intensities", _FIX)
    return named_content(path, table, _NAMES[:width], None)


def _is_plausible(table: np.ndarray) -> bool:
    with np.errstate(invalid="ignore"):
        low, high = table.min(axis=0), table.max(axis=0)
        if not (np.abs(low[:3]) <= _MAX_DISTANCE).all() or not (np.abs(high[:3]) <= _MAX_DISTANCE).all():
            return False
        if not (low[3] >= 0 and high[3] <= _MAX_INTENSITY):
            return False
    # Other bytes give numbers that are next to zero.
    return bool(high[:3].max() - low[:3].min() > 1e-3)


def _are_three_columns(table: np.ndarray) -> bool:
    """Whether the first values make columns of like values in rows of three, and not in rows of four."""
    values = table.ravel()[:_FIRST_VALUES].astype(np.float64)
    if table.size % 3 or np.isnan(values).any():
        return False
    values = values[: len(values) // 12 * 12]
    three, four = (values.reshape(-1, width).var(axis=0).mean() for width in (3, 4))
    return bool(len(values) >= 36 and three < four / 2)
