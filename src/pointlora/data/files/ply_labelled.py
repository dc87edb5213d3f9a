"""Writing labels into a PLY file beside everything else that a cloud's own file says about its points."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.limits import damaged
from pointlora.data.files.ply import find_element, open_ply, scalar_columns
from pointlora.data.files.ply_elements import PlyElement
from pointlora.data.files.ply_writer import ply_columns, write_columns
from pointlora.data.files.point_cloud import PointCloud

_NEW = ("red", "green", "blue", "label")
_KEPT = "original_"
_COMMENT = "pointlora label"


def write_labelled_ply(
    target: Path,
    cloud: PointCloud,
    labels: NDArray[np.int64],
    colors: NDArray[np.uint8],
    names: Mapping[int, str] | None = None,
) -> Path:
    """Write a cloud as binary PLY with a colour and a label at each point of its file, whole or not at all.

    The new properties are red, green, blue and label. What the file says already under these names is kept as
    original_red and so on, everything else under its own name: bit for bit what a PLY file has, other elements (faces)
    included, of other formats the coordinates in their own precision and what `read_point_cloud` returns. Rows of the
    file without a point (NaN) stay where they are, black and with label -1. List properties of vertices are left out,
    and of other formats arrays that aren't numbers in one or two dimensions.

    Args:
        target: the file; its folder must exist.
        cloud: from `read_point_cloud`, or `read_ply_vertices` where the file is a PLY with faces.
        labels: (N,), of the cloud's points.
        colors: (N, 3).
        names: label -> what it means, for comments in the header; they replace those of an earlier time.

    Raises:
        DataError: the cloud's own file has changed, or `target` cannot be written.
    """
    elements: list[PlyElement] = []
    notes, info = [f"{_COMMENT} {label} {_plain(name)}" for label, name in (names or {}).items()], []
    labels, colors = cloud.spread(labels, -1), cloud.spread(colors, 0)
    if cloud.path.suffix.lower() == ".ply":
        header, elements = open_ply(cloud.path)
        old = scalar_columns(find_element(elements, "vertex"))
        number = len(next(iter(old.values())))
        if number != len(labels):
            raise damaged(cloud.path, f"has {number} vertices, and had {len(labels)} when it was read")
        elements = [element for element in elements if element.header.name != "vertex"]
        kept = [comment for comment in header.comments if not comment.startswith(f"{_COMMENT} ")]
        notes, info = [*kept, *notes], header.obj_info
    elif cloud.content is None or cloud.sampled:
        old = ply_columns(target, cloud.original(), _attributes(cloud.attributes))
    else:
        points, attributes = cloud.content.coordinates(), cloud.content.attributes(cloud.label_source)
        old = ply_columns(target, points, _attributes(attributes))
    new = {**dict(zip(_NEW[:3], colors.T, strict=True)), "label": labels.astype(np.int32)}
    return write_columns(target, {**_renamed(old), **new}, elements, notes, info)


def _renamed(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    taken = {*columns, *_NEW}
    found = {}
    for name, column in columns.items():
        if name in _NEW:
            # A file that was labelled before has originals already: they move up, and nothing is lost.
            while name in taken:
                name = _KEPT + name
            taken.add(name)
        found[name] = column
    return found


def _attributes(attributes: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The attributes that a PLY file can hold, under names that it can hold."""
    found: dict[str, np.ndarray] = {}
    for name, values in attributes.items():
        if name == "columns":
            found |= _further_columns(attributes, values)
        elif values.ndim <= 2 and values.dtype.kind in "biuf":
            found[re.sub(r"[^!-~]", "_", name) or "_"] = _storable(values)
    return found


def _further_columns(attributes: Mapping[str, np.ndarray], table: np.ndarray) -> dict[str, np.ndarray]:
    """The columns of a table behind x, y, z that are no normal, colour or label, by their place from 1 on."""
    rest = set(range(3, table.shape[1]))
    places = {"normals": slice(3, 6), "colors": slice(3, 6), "labels": slice(table.shape[1] - 1, None)}
    for name, place in places.items():
        values = attributes.get(name)
        if values is not None and np.array_equal(table[:, place].astype(values.dtype), values.reshape(len(table), -1)):
            rest -= set(range(table.shape[1])[place])
    return {f"column_{place + 1}": _storable(table[:, place]) for place in sorted(rest)}


def _storable(values: np.ndarray) -> np.ndarray:
    """Whole numbers beyond 32 bits and long floats become doubles: PLY has nothing wider."""
    if values.dtype.kind == "f" and values.dtype.itemsize > 8:
        return values.astype(np.float64)
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8 and len(values):
        low, high = (-(2**31), 2**31 - 1) if values.dtype.kind == "i" else (0, 2**32 - 1)
        if int(values.min()) < low or int(values.max()) > high:
            return values.astype(np.float64)
    return values


def _plain(text: str) -> str:
    """Text for a header, which is ASCII and one line."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
