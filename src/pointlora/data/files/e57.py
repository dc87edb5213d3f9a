"""E57 files of scanners, read by pye57 in a process of its own: it is native code, which a damaged file may crash."""

from __future__ import annotations

import importlib.util
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from pointlora.data.files.columns import attributes_by_name
from pointlora.data.files.content import Column, Content
from pointlora.data.files.limits import damaged, data_error

_HEADER = struct.Struct("<8sIIQQQQ")
_SIGNATURE = b"ASTM-E57"
# Seconds for the start of Python and a small file, and bytes per second that even a slow disk and processor read.
_PATIENCE, _BYTES_A_SECOND = 30.0, 1_000_000
_AXES = ("x", "y", "z")


def read_e57(path: Path) -> Content:
    """Read an E57 file: the points of all scans in one coordinate system, invalid ones as rows without a point.

    Columns that all scans have are kept: intensity, red, green, blue and others under the names that E57 gives them.

    Raises:
        DataError: pye57 is missing, not an E57 file, damaged, without points.
    """
    if importlib.util.find_spec("pye57") is None:
        raise data_error(
            path, "reading .e57 needs the library pye57", "in a clone of the repository, pip install '.[e57]'"
        )
    _check_header(path)
    with tempfile.TemporaryDirectory(prefix="pointlora-") as folder:
        _run_child(path, Path(folder))
        columns = {place.stem: np.load(place, allow_pickle=False) for place in sorted(Path(folder).glob("*.npy"))}
    further = {name: _column(values) for name, values in columns.items() if name not in _AXES}

    def coordinates() -> np.ndarray:
        return np.stack([columns[axis] for axis in _AXES], axis=1)

    def attributes(label: str | None) -> dict[str, np.ndarray]:
        return attributes_by_name({name: column() for name, column in further.items()}, label, whole=True)

    return Content(coordinates, further, attributes)


def _column(values: np.ndarray) -> Column:
    return lambda: values


def _check_header(path: Path) -> None:
    """The first 48 bytes say how long the file is and where its XML lies (ASTM E2807, 7.1)."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(_HEADER.size)
    if len(head) < _HEADER.size or head[:8] != _SIGNATURE:
        raise damaged(path, "does not start with the header of an E57 file")
    _, major, minor, length, xml_start, xml_length, page = _HEADER.unpack(head)
    if major != 1:
        raise data_error(path, f"has E57 version {major}.{minor}", "known is 1.0: export it again")
    if length != size or page != 1024 or xml_start + xml_length > size:
        raise damaged(path, f"the header declares {length} bytes, the file has {size}")


def _run_child(path: Path, folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    command = [sys.executable, "-m", "pointlora.data.files.e57_child", str(path.absolute()), str(folder)]
    patience = _PATIENCE + path.stat().st_size / _BYTES_A_SECOND
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired as error:
        raise damaged(path, f"pye57 did not read it within {patience:.0f} seconds") from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = lines[-1][:200] if lines else f"it ended with code {done.returncode}"
        raise damaged(path, f"pye57 cannot read it ({reason})")
