"""STL meshes, binary and text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pointlora.data.files.limits import check_declared, damaged
from pointlora.data.files.meshes import cloud_from_mesh
from pointlora.data.files.point_cloud import PointCloud
from pointlora.data.files.text import parse_rows, read_text, text_lines

_HEADER_BYTES = 84
_TRIANGLE = np.dtype([("normal", "<f4", (3,)), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_FACET = ["facet", "outer", "vertex", "vertex", "vertex", "endloop", "endfacet"]


def read_stl(path: Path, num_samples: int | None = None, seed: int = 0) -> PointCloud:
    """Read an STL mesh and sample it.

    A file is binary if its size is the one that its triangle count asks for, text if it starts with "solid".

    Raises:
        DataError: a size or structure that doesn't match, no triangles.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(_HEADER_BYTES)
        number = int.from_bytes(head[80:84], "little")
        if len(head) == _HEADER_BYTES and size == _HEADER_BYTES + number * _TRIANGLE.itemsize:
            check_declared(path, "triangles", number, _TRIANGLE.itemsize, size - _HEADER_BYTES)
            corners = np.fromfile(file, _TRIANGLE, number)["corners"].reshape(-1, 3)
        elif head.lstrip()[:5].lower() == b"solid" and b"\0" not in head:
            corners = _read_text_corners(path)
        else:
            problem = f"declares {number} triangles ({_HEADER_BYTES + number * _TRIANGLE.itemsize} bytes)"
            raise damaged(path, f"{problem}, the file has {size} bytes")
    if len(corners) == 0:
        raise damaged(path, "the mesh has no triangles")
    return cloud_from_mesh(path, corners, np.arange(len(corners)).reshape(-1, 3), num_samples, seed)


def _read_text_corners(path: Path) -> np.ndarray:
    """Return the corners (3 F, 3) of a text STL whose lines follow the grammar strictly."""
    lines = text_lines(path, read_text(path), comments=())
    keywords = [line.split(None, 1)[0].lower() for _, line in lines]
    solids = [word for word in keywords if word in ("solid", "endsolid")]
    if solids != ["solid", "endsolid"] * (len(solids) // 2) or keywords[-1] != "endsolid":
        raise damaged(path, "the STL text does not end with endsolid")
    body = [(line, word) for line, word in zip(lines, keywords, strict=True) if word not in ("solid", "endsolid")]
    for index, ((number, _), word) in enumerate(body):
        if word != _FACET[index % len(_FACET)]:
            raise damaged(path, f"line {number} starts with {word[:40]!r} instead of {_FACET[index % len(_FACET)]!r}")
    if not body or len(body) % len(_FACET):
        raise damaged(path, f"the STL text has {len(body)} lines, no whole number of facets")
    corners = [(number, line.partition(" ")[2]) for (number, line), word in body if word == "vertex"]
    points = parse_rows(path, corners)
    if points.shape[1] != 3:
        raise damaged(path, f"its vertices have {points.shape[1]} coordinates instead of 3")
    return points
