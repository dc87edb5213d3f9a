"""The process that reads one E57 file and leaves its columns as .npy files: see `pointlora.data.files.e57`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

_CARTESIAN = ("cartesianX", "cartesianY", "cartesianZ")
_SPHERICAL = ("sphericalRange", "sphericalAzimuth", "sphericalElevation")
_INVALID = ("cartesianInvalidState", "sphericalInvalidState")
_NAMES = {
    **{"colorRed": "red", "colorGreen": "green", "colorBlue": "blue"},
    **{"nor:normalX": "nx", "nor:normalY": "ny", "nor:normalZ": "nz"},
}
# A point takes a bit at least, and this process some memory of its own.
_POINTS_A_BYTE = 8
_OWN_BYTES, _BYTES_A_FILE_BYTE, _BYTES_A_POINT = 1 << 29, 8, 256


def main(source: str, folder: str) -> None:
    """Read `source` and write one .npy file per column into `folder`.

    Raises:
        ValueError: no points, or more than the file can hold.
    """
    import pye57

    file = pye57.E57(source)
    size = os.path.getsize(source)
    counts = [file.get_header(number).point_count for number in range(file.scan_count)]
    total = sum(counts)
    if total == 0:
        raise ValueError("it holds no points")
    if min(counts) < 0 or total > size * _POINTS_A_BYTE:
        raise ValueError(f"it declares {total} points, more than {size} bytes can hold")
    _limit_memory(_OWN_BYTES + size * _BYTES_A_FILE_BYTE + total * _BYTES_A_POINT)
    scans = [_read_scan(file, number) for number, count in enumerate(counts) if count]
    names = [name for name in scans[0] if all(name in scan for scan in scans)]
    for name in names:
        np.save(Path(folder) / f"{name}.npy", np.concatenate([scan[name] for scan in scans]))


def _read_scan(file: Any, number: int) -> dict[str, np.ndarray]:
    """The columns of a scan; coordinates are moved to where the scan stands, NaN where they are invalid."""
    raw = file.read_scan_raw(number, ignore_unsupported_fields=True)
    header = file.get_header(number)
    if all(name in raw for name in _CARTESIAN):
        points = np.stack([raw[name].astype(np.float64) for name in _CARTESIAN], axis=1)
    else:
        distance, azimuth, elevation = (raw[name].astype(np.float64) for name in _SPHERICAL)
        flat = distance * np.cos(elevation)
        points = np.stack([flat * np.cos(azimuth), flat * np.sin(azimuth), distance * np.sin(elevation)], axis=1)
    if header.has_pose():
        points = points @ np.asarray(header.rotation_matrix).T + np.asarray(header.translation)
    for name in _INVALID:
        if name in raw:
            points[raw[name] != 0] = np.nan
    found = dict(zip("xyz", points.T, strict=True))
    for name, values in raw.items():
        name = _NAMES.get(name, name)
        if name not in (*_CARTESIAN, *_SPHERICAL, *_INVALID) and name.isidentifier():
            found[name] = values
    return found


def _limit_memory(limit: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2])
    except Exception as error:
        print(" ".join(str(error).split()) or type(error).__name__, file=sys.stderr)
        sys.exit(1)
