"""What the columns of a file mean: by their names, and in plain tables without names by their number and values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pointlora.data.files.content import Column, Content
from pointlora.data.files.limits import data_error

_NORMALS = (("nx", "ny", "nz"), ("normal_x", "normal_y", "normal_z"), ("normalx", "normaly", "normalz"))
_COLORS = (("red", "green", "blue"), ("r", "g", "b"))
_PACKED_COLORS = ("rgb", "rgba")


def content_from_table(path: Path, table: np.ndarray) -> Content:
    """The content of a table (R, C >= 3) without names whose first three columns are x, y, z.

    Column k >= 4 is called column_k. Six columns beside a label: columns 4 to 6 are a normal (ModelNet40), or a colour
    if all are whole numbers from 0 to 255 and not all are 0 or 1. Seven columns: 4 to 6 are a normal if they have
    length 1 (ShapeNetPart). No column is a label unless the user or the data set's layout says so. A table of more
    than three columns is also kept as it is under "columns".

    Raises:
        DataError: fewer than three columns, or not numbers.
    """
    if table.ndim != 2 or table.shape[1] < 3:
        problem = f"the data have shape {table.shape}"
        fix = "store at least three columns x, y, z: shape (N, 3) or wider"
        raise data_error(path, problem, fix)
    if table.dtype.kind not in "fiu":
        raise data_error(path, f"the data have dtype {table.dtype}", "store real numbers, e.g. float32")
    if _is_transposed(table):
        problem = f"the data have shape {table.shape}, points as columns"
        raise data_error(path, problem, f"store them transposed, as rows of x, y, z: shape {table.shape[::-1]}")
    names = ("x", "y", "z", *(f"column_{place}" for place in range(4, table.shape[1] + 1)))
    further: dict[str, Column] = {name: _column(table, place) for place, name in enumerate(names) if place > 2}

    def attributes(label: str | None) -> dict[str, np.ndarray]:
        return _attributes_by_place(table, None if label not in names else names.index(label))

    return Content(lambda: table[:, :3], further, attributes, positions=names, named=False)


def attributes_by_name(
    columns: Mapping[str, np.ndarray], label: str | None = None, packed: bool = False, whole: bool = False
) -> dict[str, np.ndarray]:
    """Sort columns of R rows into attributes, in their order.

    nx, ny, nz (or normal_x ...) become "normals"; red, green, blue (or r, g, b) of dtype uint8 "colors"; the label
    "labels"; all others keep their name and dtype.

    Args:
        columns: by name.
        label: the name of the one that is the label.
        packed: whether a column rgb or rgba of four bytes is a colour, as in PCD files.
        whole: whether colours may also be of another dtype, if they are whole numbers from 0 to 255 (text).
    """
    roles: dict[str, tuple[str, list[str]]] = {}
    by_name = {name.lower(): name for name in reversed(list(columns)) if name != label}
    for role, choices in (("normals", _NORMALS), ("colors", _COLORS)):
        for parts in choices:
            names = [by_name[part] for part in parts if part in by_name]
            if len(names) == 3 and (role == "normals" or _are_bytes([columns[name] for name in names], whole)):
                roles |= dict.fromkeys(names, (role, names))
                break
    found: dict[str, np.ndarray] = {}
    for name, values in columns.items():
        if name == label:
            found["labels"] = values
        elif name in roles:
            role, names = roles[name]
            if role not in found:
                dtype = np.float32 if role == "normals" else np.uint8
                found[role] = np.stack([columns[part].astype(dtype) for part in names], axis=1)
        elif packed and "colors" not in found and _is_packed(name, values):
            bits = np.ascontiguousarray(values).view(np.uint32)
            found["colors"] = np.stack([bits >> 16, bits >> 8, bits], axis=1).astype(np.uint8)
        else:
            found[name] = values
    return found


def _is_transposed(table: np.ndarray) -> bool:
    """Whether an array (3, N), or (6, N) with normals, is surely not 3 or 6 points of N columns."""
    number, width = table.shape
    return (number == 3 and width > 7) or (number <= 10 and width >= 16)


def _column(table: np.ndarray, place: int) -> Column:
    return lambda: table[:, place]


def _attributes_by_place(table: np.ndarray, label: int | None) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    rest = [place for place in range(3, table.shape[1]) if place != label]
    middle = table[:, rest[:3]]
    if len(rest) == 3 and _are_colors(middle):
        found["colors"] = middle.astype(np.uint8)
    elif len(rest) == 3 or (len(rest) == 4 and label is None and _are_unit(middle)):
        found["normals"] = middle.astype(np.float32)
    if label is not None:
        found["labels"] = table[:, label]
    if table.shape[1] > 3:
        found["columns"] = table
    return found


def _are_colors(values: np.ndarray) -> bool:
    with np.errstate(invalid="ignore"):
        in_range = bool(((values >= 0) & (values <= 255)).all()) and bool((values > 1).any())
    return in_range and bool((values % 1 == 0).all())


def _are_unit(values: np.ndarray) -> bool:
    """Whether nearly all rows (R, 3) have length 1; where a normal is unknown it may be 0."""
    lengths = np.linalg.norm(values, axis=1)
    known = lengths > 0
    return bool(known.any()) and bool((np.abs(lengths[known] - 1) < 0.05).mean() > 0.99)


def _are_bytes(parts: list[np.ndarray], whole: bool) -> bool:
    if all(values.dtype == np.uint8 for values in parts):
        return True
    return whole and _are_colors(np.stack(parts, axis=1))


def _is_packed(name: str, values: np.ndarray) -> bool:
    return name.lower() in _PACKED_COLORS and values.ndim == 1 and values.itemsize == 4
