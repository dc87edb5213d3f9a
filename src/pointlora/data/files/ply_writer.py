"""Writing a point cloud as a binary PLY file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pointlora.atomic import write_atomically
from pointlora.data.files.coordinates import check_coordinates
from pointlora.data.files.limits import data_error, one_line
from pointlora.data.files.ply_elements import PlyElement, pack_element

_PARTS = {"normals": ("nx", "ny", "nz"), "colors": ("red", "green", "blue")}
# PLY knows no booleans, half floats or 64-bit integers.
_NARROWED = {"b1": "u1", "f2": "f4", "i8": "i4", "u8": "u4"}
_TYPE_NAMES = {
    **{"i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort"},
    **{"i4": "int", "u4": "uint", "f4": "float", "f8": "double"},
}


def write_ply(
    path: str | os.PathLike[str],
    points: np.ndarray,
    colors: np.ndarray | None = None,
    attributes: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write a binary little-endian PLY file, whole or not at all.

    `read_point_cloud` returns float32 points and attributes bit for bit.

    Args:
        path: the file; its folder must exist.
        points: (N, 3) finite numbers, N >= 1, written as float32; float64 and integers are written as doubles, so that
            `cloud.points + cloud.offset` keeps map coordinates.
        colors: (N, 3) uint8, written as red, green, blue right after the coordinates.
        attributes: arrays of N rows by name, such as `PointCloud.attributes`, written in their order. "normals" (N, 3)
            are written as nx, ny, nz, "colors" as red, green, blue, "labels" as label; (N, k) arrays as name_0 ...
            name_(k-1). int64 is written as int32, bool as uint8, float16 as float32.

    Returns:
        The path.

    Raises:
        DataError: shapes or dtypes that don't fit, values that int32 can't hold, a file that cannot
            be written.
    """
    path = Path(path)
    points = check_coordinates(path, points)
    given = dict(attributes or {})
    if colors is not None:
        given = {"colors": colors, **{name: values for name, values in given.items() if name != "colors"}}
    return write_columns(path, ply_columns(path, points, given))


def ply_columns(path: Path, points: np.ndarray, attributes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Points and attributes as vertex properties by name, of the types that PLY knows; see `write_ply`."""
    columns = dict(zip("xyz", points.astype(np.promote_types(points.dtype, np.float32), copy=False).T, strict=True))
    for name, values in attributes.items():
        for part, column in _columns(path, name, np.asarray(values), len(points)).items():
            if part in columns:
                raise data_error(path, f"two attributes give the property {part!r}", "rename one of them")
            columns[part] = column
    return columns


def write_columns(
    path: Path,
    columns: Mapping[str, np.ndarray],
    elements: Sequence[PlyElement] = (),
    comments: Sequence[str] = (),
    obj_info: Sequence[str] = (),
) -> Path:
    """Write vertex properties (N,) by name, and other elements behind them, as `write_ply` does.

    Raises:
        DataError: the file cannot be written.
    """
    number = len(next(iter(columns.values())))
    records = np.empty(number, [(name, column.dtype.newbyteorder("<")) for name, column in columns.items()])
    for name, column in columns.items():
        records[name] = column
    lines = ["ply", "format binary_little_endian 1.0"]
    lines += [f"comment {line}" for line in comments] + [f"obj_info {line}" for line in obj_info]
    lines.append(f"element vertex {number}")
    lines += [f"property {_TYPE_NAMES[_kind(column)]} {name}" for name, column in columns.items()]
    for element in elements:
        lines += _declaration(element)
    header = "".join(f"{line}\n" for line in [*lines, "end_header"]).encode()

    def write(file: BinaryIO) -> None:
        file.write(header)
        file.write(records.data)
        for element in elements:
            file.write(pack_element(element))

    try:
        return write_atomically(path, write)
    except OSError as error:
        raise data_error(path, f"cannot be written ({one_line(error)})", "check the folder and the disk") from error


def _declaration(element: PlyElement) -> list[str]:
    lines = [f"element {element.header.name} {element.header.count}"]
    for part in element.header.properties:
        length = f"list {_TYPE_NAMES[part.length_kind]} " if part.length_kind is not None else ""
        lines.append(f"property {length}{_TYPE_NAMES[part.kind]} {part.name}")
    return lines


def _kind(values: np.ndarray) -> str:
    return f"{values.dtype.kind}{values.dtype.itemsize}"


def _columns(path: Path, name: str, values: np.ndarray, number: int) -> dict[str, np.ndarray]:
    """Return the PLY properties of one attribute by name."""
    if values.shape[:1] != (number,) or values.ndim > 2 or (name in _PARTS and values.shape != (number, 3)):
        raise data_error(path, f"{name!r} has shape {values.shape} for {number} points", "give one row per point")
    if name == "colors" and values.dtype != np.uint8:
        raise data_error(path, f"colors have dtype {values.dtype}", "give uint8 from 0 to 255")
    if not name.isascii() or not name.isprintable() or name.split() != [name]:
        raise data_error(path, f"{name!r} can't name a PLY property", "use ASCII letters without spaces")
    values = _narrow(path, name, values)
    if values.ndim == 1:
        return {"label" if name == "labels" else name: values}
    parts = _PARTS.get(name) or tuple(f"{name}_{index}" for index in range(values.shape[1]))
    return dict(zip(parts, values.T, strict=True))


def _narrow(path: Path, name: str, values: np.ndarray) -> np.ndarray:
    kind = _kind(values)
    target = np.dtype(_NARROWED.get(kind, kind if kind in _TYPE_NAMES else "V"))
    if target.kind == "V":
        raise data_error(path, f"{name!r} has dtype {values.dtype}", "PLY stores integers and floats only")
    if kind in ("i8", "u8") and len(values) and not _fits(values, target):
        raise data_error(path, f"{name!r} has values that {target} can't hold", "store smaller numbers or floats")
    return values.astype(target, copy=False)


def _fits(values: np.ndarray, target: np.dtype) -> bool:
    limits = np.iinfo(target)
    return bool(values.min() >= limits.min and values.max() <= limits.max)
