"""OFF meshes (text), the format of ModelNet."""

from __future__ import annotations

import re
from pathlib import Path

from pointlora.data.files.limits import check_declared, damaged, data_error
from pointlora.data.files.meshes import cloud_from_mesh, fan_triangles
from pointlora.data.files.point_cloud import PointCloud
from pointlora.data.files.text import parse_rows, read_text, text_lines


def read_off(path: Path, num_samples: int | None = None, seed: int = 0) -> PointCloud:
    """Read an OFF mesh and sample it, or take its vertices if it has no faces.

    COFF and NOFF (colours, normals) are read for their coordinates. Some files of ModelNet40 lack the line break after
    "OFF"; that is understood. The counts of the header must be those of the file.

    Raises:
        DataError: not OFF, counts that don't match, malformed lines, indices out of range.
    """
    text = read_text(path)
    match = re.match(r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*(?:C|N|CN)?OFF(?=[\s\d#])", text)
    if match is None:
        raise data_error(path, "does not start with OFF, COFF or NOFF", "export it as an ASCII OFF mesh")
    lines = text_lines(path, "\n" * text.count("\n", 0, match.end()) + text[match.end() :])
    counts = lines[0][1].split() if lines else []
    if len(counts) not in (2, 3) or not all(count.isdecimal() for count in counts):
        raise damaged(path, f"no line with the numbers of vertices and faces after OFF: {' '.join(counts)[:40]!r}")
    num_vertices, num_faces = int(counts[0]), int(counts[1])
    check_declared(path, "lines", num_vertices + num_faces, 2, len(text) + 1)
    if len(lines) - 1 != num_vertices + num_faces:
        problem = f"the header declares {num_vertices} vertices and {num_faces} faces, {len(lines) - 1} lines follow"
        raise damaged(path, problem)
    vertices = parse_rows(path, lines[1 : num_vertices + 1], use_columns=(0, 1, 2))
    faces = [_parse_face(path, number, line) for number, line in lines[num_vertices + 1 :]]
    return cloud_from_mesh(path, vertices, fan_triangles(path, faces), num_samples, seed)


def _parse_face(path: Path, number: int, line: str) -> list[int]:
    """Return the indices of a line `n i_1 ... i_n [colour]`."""
    tokens = line.split()
    try:
        size = int(tokens[0])
        face = [int(token) for token in tokens[1 : size + 1]]
    except ValueError as error:
        raise damaged(path, f"line {number} is not a face: {line[:40]!r}") from error
    if size < 3 or len(face) != size:
        raise damaged(path, f"line {number} declares a face of {size} vertices and has {len(tokens) - 1} values")
    return face
