"""NumPy files: .npy with one table of points, .npz with named arrays."""

from __future__ import annotations

import math
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

import numpy as np

from pointlora.data.files.columns import attributes_by_name, content_from_table
from pointlora.data.files.content import Column, Content
from pointlora.data.files.labels import as_labels
from pointlora.data.files.limits import MAX_FILE_BYTES, damaged, data_error, one_line
from pointlora.data.files.names import find_axes
from pointlora.errors import DataError

# Deflate cannot do better than 1032:1, so a larger ratio is a forged size.
_MAX_DEFLATE_RATIO = 1032
_POINT_NAMES = ("points", "point", "xyz", "coords", "coord", "coordinates", "pos", "positions", "vertices")
_ROLES = {"labels": "labels", "label": "labels", "normals": "normals", "colors": "colors"}


class NotNumbers(DataError):
    """An array of text or objects."""


def read_npy(path: Path) -> Content:
    """Read a .npy file with a table (N, C >= 3), see `content_from_table`, or with a structured array (N,) of fields.

    Raises:
        DataError: an object or text array, a wrong shape, a file shorter or longer than its header says.
    """
    with open(path, "rb") as file:
        return _content(path, _read_array(path, path.name, file, path.stat().st_size))


def read_npz(path: Path) -> Content:
    """Read a .npz file: array "points" (N, C >= 3), the only array of such a shape or with a name like xyz, or x, y, z.

    "labels" or "label" (N,), "normals" (N, 3) and "colors" (N, 3) become attributes of the agreed dtype; further
    numeric arrays of N rows keep their name and dtype, all others, of text and objects too, are ignored.

    Raises:
        DataError: not a zip file, a damaged member, sizes that cannot be true, no or several candidate arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = _read_members(path, archive)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise damaged(path, f"is not a readable .npz archive ({one_line(error)})") from error
    points = arrays.pop(_points_name(path, arrays))
    number = len(points)
    further = {
        name: values
        for name, values in arrays.items()
        if (values.shape[:1] == (number,) and values.dtype.kind in "biuf") or name in _ROLES
    }
    roles = {name: _role_array(path, name, values, number) for name, values in further.items() if name in _ROLES}
    content = _content(path, points)

    def attributes(label: str | None) -> dict[str, np.ndarray]:
        found = content.attributes(label)
        for name, values in further.items():
            found["labels" if name == label else _ROLES.get(name, name)] = roles.get(name, values)
        return found

    columns = {**content.columns, **{name: _given(values) for name, values in further.items()}}
    return replace(content, columns=columns, attributes=attributes)


def _given(values: np.ndarray) -> Column:
    return lambda: values


def _content(path: Path, array: np.ndarray) -> Content:
    names = array.dtype.names
    if names is None or array.ndim != 1:
        return content_from_table(path, array)
    axes = find_axes(names)
    if axes is None:
        raise data_error(path, f"its fields are named {' '.join(names)[:80]}", "name three of them x, y and z")
    further = {name: _field(array, name) for place, name in enumerate(names) if place not in axes}

    def coordinates() -> np.ndarray:
        return np.stack([array[names[place]] for place in axes], axis=1)

    def attributes(label: str | None) -> dict[str, np.ndarray]:
        return attributes_by_name({name: column() for name, column in further.items()}, label)

    return Content(coordinates, further, attributes, positions=names)


def _field(array: np.ndarray, name: str) -> Column:
    return lambda: np.ascontiguousarray(array[name], array[name].dtype.newbyteorder("="))


def _read_members(path: Path, archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
    if len({info.filename for info in members}) != len(members):
        raise damaged(path, "two arrays have the same name")
    total = sum(info.file_size for info in members)
    if total > MAX_FILE_BYTES:
        problem = f"its arrays unpack to {total} bytes, the limit is {MAX_FILE_BYTES}"
        raise data_error(path, problem, "split the cloud")
    packed = path.stat().st_size
    arrays = {}
    for info in members:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise data_error(path, f"{info.filename} uses an unknown compression", "write it with np.savez")
        ratio = 1 if info.compress_type == zipfile.ZIP_STORED else _MAX_DEFLATE_RATIO
        if info.file_size > ratio * min(info.compress_size, packed):
            raise damaged(path, f"{info.filename} declares {info.file_size} bytes, more than it can hold")
        with archive.open(info) as member:
            try:
                arrays[info.filename.removesuffix(".npy")] = _read_array(path, info.filename, member, info.file_size)
            except NotNumbers:
                if info.filename == "points.npy":
                    raise
    return arrays


def _read_array(path: Path, name: str, file: IO[bytes], size: int) -> np.ndarray:
    """Read one array from a file of `size` bytes after comparing its header with that size."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
    except Exception as error:
        raise damaged(path, f"{name} has no valid .npy header ({one_line(error)})") from error
    if dtype.hasobject or not _is_plain(dtype):
        problem = f"{path}: {name} has dtype {one_line(ValueError(dtype))}"
        raise NotNumbers(f"{problem}; store plain numbers, e.g. float32 of shape (N, 3)")
    expected, real = math.prod(shape) * dtype.itemsize, size - file.tell()
    if min(shape, default=0) < 0 or expected != real:
        raise damaged(path, f"{name} declares shape {shape} of {dtype}: {expected} bytes, it has {real}")
    file.seek(0)
    return cast(np.ndarray, np.lib.format.read_array(file, allow_pickle=False))


def _is_plain(dtype: np.dtype) -> bool:
    """Whether items are numbers, or records of numbers."""
    if dtype.fields is None:
        return dtype.kind in "biuf"
    return all(part[0].base.kind in "biuf" for part in dtype.fields.values())


def _points_name(path: Path, arrays: dict[str, np.ndarray]) -> str:
    if "points" in arrays:
        return "points"
    tables = [name for name, values in arrays.items() if name not in _ROLES and _is_table(values)]
    if len(tables) == 1:
        return tables[0]
    named = [name for name in tables if name.lower() in _POINT_NAMES]
    if len(named) == 1:
        return named[0]
    axes = find_axes(list(arrays))
    if not tables and axes is not None:
        parts = [arrays.pop(name) for name in [list(arrays)[place] for place in axes]]
        if len({part.shape for part in parts}) == 1 and parts[0].ndim == 1:
            arrays["points"] = np.stack(parts, axis=1)
            return "points"
    found = ", ".join(f"{name} {values.shape}" for name, values in arrays.items()) or "nothing"
    raise data_error(path, f"no array 'points' among {found}", "name the (N, 3) array 'points'")


def _is_table(values: np.ndarray) -> bool:
    if values.dtype.names is not None:
        return values.ndim == 1 and find_axes(values.dtype.names) is not None
    return values.ndim == 2 and values.shape[1] >= 3


def _role_array(path: Path, name: str, values: np.ndarray, number: int) -> np.ndarray:
    """Return labels as int64, normals as float32, colours as uint8."""
    role = _ROLES[name]
    if role == "labels":
        labels = as_labels(values)
        if labels is None or len(labels) != number:
            problem = f"{name!r} has shape {values.shape} and dtype {values.dtype} for {number} points"
            raise data_error(path, problem, "store one whole number per point")
        return labels
    if values.shape != (number, 3):
        problem = f"{name!r} has shape {values.shape} for {number} points"
        raise data_error(path, problem, f"store shape ({number}, 3)")
    if role == "normals":
        return values.astype(np.float32)
    if values.dtype.kind == "f" and ((values >= 0) & (values <= 1)).all():
        return np.round(values * 255).astype(np.uint8)
    if not ((values >= 0) & (values <= 255)).all():
        raise data_error(path, f"{name!r} has values outside 0..255", "store uint8, or floats from 0 to 1")
    return values.astype(np.uint8)
