"""Wavefront OBJ meshes (text): vertices and polygons; materials, textures and curves are passed over."""

from __future__ import annotations

import array
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from pointlora.data.files.content import Content
from pointlora.data.files.limits import damaged
from pointlora.data.files.meshes import triangulate
from pointlora.data.files.text import Line, open_text, parse_rows, text_lines

# A statement that is on neither list is a damaged line: passing over it could lose a vertex in silence.
_STATEMENTS = (
    "vt vn vp g o s l p mg usemtl mtllib usemap maplib lod bevel c_interp d_interp shadow_obj trace_obj ctech "
    "stech cstype deg bmat step curv curv2 surf parm trim hole scrv sp end con call csh"
)
_PASSED_OVER = frozenset(_STATEMENTS.split())
_LARGEST_INDEX = 2**62


class _Faces:
    """Corners of the faces read so far: how many each face has, and the indices of all."""

    def __init__(self) -> None:
        self.lengths, self.flat, self.num_vertices = array.array("q"), array.array("q"), 0


def read_obj(path: Path) -> Content:
    """Read an OBJ mesh, or the points that its vertices are if it has no faces.

    Negative indices count back from the vertices read so far, as the format says. An OBJ file carries no counts: one
    that was cut inside its last number or between two lines can't be told from a whole one, unless a face refers to
    a lost vertex.

    Raises:
        DataError: an unknown statement, a malformed vertex or face, indices out of range, no vertices.
    """
    faces = _Faces()
    with open_text(path) as file:
        lines = text_lines(_joined(file))
        vertices = parse_rows(path, _vertex_lines(path, lines, faces), use_columns=(0, 1, 2))
    triangles = None
    if faces.lengths:
        triangles = triangulate(path, vertices, np.array(faces.lengths), np.array(faces.flat))
    return Content(lambda: vertices, triangles=triangles)


def _joined(lines: Iterable[str]) -> Iterator[str]:
    """Lines, each joined with the next where it ends in a backslash; empty ones in their stead keep the numbers."""
    held, number = "", 0
    for line in lines:
        if line.endswith("\\\n"):
            held, number = held + line[:-2] + " ", number + 1
            continue
        yield held + line if held else line
        for _ in range(number):
            yield ""
        held, number = "", 0
    if held:
        yield held


def _vertex_lines(path: Path, lines: Iterable[Line], faces: _Faces) -> Iterator[Line]:
    """Yield what stands in lines `v`; faces are gathered on the way."""
    for number, line in lines:
        keyword, _, rest = line.replace("\t", " ").partition(" ")
        if keyword == "v":
            if not rest:
                raise damaged(path, f"line {number} is a vertex without coordinates")
            faces.num_vertices += 1
            yield number, rest
        elif keyword == "f":
            _add_face(path, number, rest, faces)
        elif keyword not in _PASSED_OVER:
            raise damaged(path, f"line {number} starts with {keyword[:40]!r}, which is not an OBJ statement")


def _add_face(path: Path, number: int, text: str, faces: _Faces) -> None:
    """Add the vertex indices, from 0, of corners like `7`, `7/1`, `7//3`, `7/1/3` or `-1`."""
    tokens = text.split()
    try:
        if "/" in text:
            # All parts are parsed, though only the first counts: a damaged one must not pass.
            corners = [[int(part or "0") for part in token.split("/")] for token in tokens]
            if max(map(len, corners), default=0) > 3:
                raise ValueError
            indices = [corner[0] for corner in corners]
        else:
            indices = [int(token) for token in tokens]
        if len(indices) < 3 or 0 in indices or max(map(abs, indices)) > _LARGEST_INDEX:
            raise ValueError
    except ValueError as error:
        raise damaged(path, f"line {number} is not a face of three or more vertices: {text[:40]!r}") from error
    count = faces.num_vertices
    faces.lengths.append(len(indices))
    faces.flat.extend([index - 1 if index > 0 else index + count for index in indices])
