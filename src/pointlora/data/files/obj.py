"""Wavefront OBJ meshes (text): vertices and polygons; materials, textures and curves are passed over."""

from __future__ import annotations

from pathlib import Path

from pointlora.data.files.limits import damaged
from pointlora.data.files.meshes import cloud_from_mesh, fan_triangles
from pointlora.data.files.point_cloud import PointCloud
from pointlora.data.files.text import parse_rows, read_text, text_lines

# A statement that is on neither list is a damaged line: passing over it could lose a vertex in silence.
_STATEMENTS = (
    "vt vn vp g o s l p mg usemtl mtllib usemap maplib lod bevel c_interp d_interp shadow_obj trace_obj ctech "
    "stech cstype deg bmat step curv curv2 surf parm trim hole scrv sp end con call csh"
)
_PASSED_OVER = frozenset(_STATEMENTS.split())


def read_obj(path: Path, num_samples: int | None = None, seed: int = 0) -> PointCloud:
    """Read an OBJ mesh and sample it, or take its vertices if it has no faces.

    Negative indices count back from the vertices read so far, as the format says. An OBJ file carries no counts: one
    that was cut inside its last number or between two lines can't be told from a whole one, unless a face refers to
    a lost vertex.

    Raises:
        DataError: an unknown statement, a malformed vertex or face, indices out of range, no vertices.
    """
    text = read_text(path).replace("\\\n", " ")
    vertex_lines: list[tuple[int, str]] = []
    faces: list[list[int]] = []
    for number, line in text_lines(path, text):
        keyword, _, rest = line.replace("\t", " ").partition(" ")
        if keyword == "v":
            vertex_lines.append((number, rest.strip()))
        elif keyword == "f":
            faces.append(_parse_face(path, number, rest, len(vertex_lines)))
        elif keyword not in _PASSED_OVER:
            raise damaged(path, f"line {number} starts with {keyword[:40]!r}, which is no OBJ statement")
    vertices = parse_rows(path, vertex_lines, use_columns=(0, 1, 2))
    return cloud_from_mesh(path, vertices, fan_triangles(path, faces), num_samples, seed)


def _parse_face(path: Path, number: int, text: str, num_vertices: int) -> list[int]:
    """Return the vertex indices, from 0, of corners like `7`, `7/1`, `7//3`, `7/1/3` or `-1`."""
    tokens = text.split()
    try:
        # All parts are parsed, though only the first counts: a damaged one must not pass.
        corners = [[int(part or "0") for part in token.split("/")] for token in tokens]
    except ValueError as error:
        raise damaged(path, f"line {number} is not a face: {text[:40]!r}") from error
    if len(corners) < 3 or any(len(corner) > 3 or corner[0] == 0 for corner in corners):
        raise damaged(path, f"line {number} is not a face of three or more vertices: {text[:40]!r}")
    return [corner[0] - 1 if corner[0] > 0 else corner[0] + num_vertices for corner in corners]
