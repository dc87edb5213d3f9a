"""STL meshes, binary and text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from pointlora.data.files.content import Content
from pointlora.data.files.limits import MAX_PADDING_BYTES, check_declared, damaged
from pointlora.data.files.text import Line, open_text, parse_rows, text_lines

_HEADER_BYTES = 84
_TRIANGLE = np.dtype([("normal", "<f4", (3,)), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
_FACET = ["facet", "outer", "vertex", "vertex", "vertex", "endloop", "endfacet"]


def read_stl(path: Path) -> Content:
    """Read an STL mesh.

    A file is binary if its size is the one that its triangle count asks for, give or take padding of zeros or white
    space; otherwise text if it starts with "solid".

    Raises:
        DataError: a size or structure that doesn't match, no triangles.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(_HEADER_BYTES)
        number = int.from_bytes(head[80:84], "little")
        rest = size - _HEADER_BYTES - number * _TRIANGLE.itemsize
        problem = f"declares {number} triangles ({size - rest} bytes), the file has {size} bytes"
        if len(head) == _HEADER_BYTES and (rest == 0 or (0 < rest <= MAX_PADDING_BYTES and not _is_text(head))):
            check_declared(path, "triangles", number, _TRIANGLE.itemsize, size - _HEADER_BYTES)
            corners = np.fromfile(file, _TRIANGLE, number)["corners"].reshape(-1, 3)
            if rest and (number == 0 or file.read(rest).strip(b" \t\r\n\0")):
                raise damaged(path, problem)
        elif _is_text(head):
            corners = _read_text_corners(path)
        else:
            raise damaged(path, problem)
    if len(corners) == 0:
        raise damaged(path, "the mesh has no triangles")
    return Content(lambda: corners, triangles=np.arange(len(corners)).reshape(-1, 3))


def _is_text(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:5].lower() == b"solid" and b"\0" not in head


def _read_text_corners(path: Path) -> np.ndarray:
    """Return the corners (3 F, 3) of a text STL whose lines follow the grammar strictly."""
    with open_text(path) as file:
        points = parse_rows(path, _corner_lines(path, text_lines(file, comments=())))
    if points.shape[1] != 3:
        raise damaged(path, f"its vertices have {points.shape[1]} coordinates instead of 3")
    return points


def _corner_lines(path: Path, lines: Iterable[Line]) -> Iterator[Line]:
    """Yield what stands in lines `vertex`; `end solid` is `endsolid`, as `end facet` and `end loop` are."""
    index, inside = 0, False
    for number, line in lines:
        # Some programs fill up the end with zero bytes, old ones mark it by Ctrl-Z.
        if not (line := line.strip("\0\x1a \t")):
            continue
        words = line.split(None, 2)
        word = words[0].lower()
        if word == "end" and len(words) > 1:
            word += words[1].lower()
        if word in ("solid", "endsolid"):
            if inside != (word == "endsolid") or index % len(_FACET):
                raise damaged(path, f"line {number} starts with {word!r} in the wrong place")
            inside = not inside
            continue
        wanted = _FACET[index % len(_FACET)]
        if not inside or word != wanted:
            if wanted == "facet" and next(iter(lines), None) is None:
                raise damaged(path, "the STL text does not end with endsolid")
            raise damaged(path, f"line {number} starts with {words[0][:40]!r} instead of {wanted!r}")
        index += 1
        if word == "vertex":
            if len(words) == 1:
                raise damaged(path, f"line {number} is a vertex without coordinates")
            yield number, line[len(word) :]
    if inside:
        raise damaged(path, "the STL text does not end with endsolid")
