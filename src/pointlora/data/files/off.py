"""OFF meshes (text), the format of ModelNet."""

from __future__ import annotations

import array
import re
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.content import Content
from pointlora.data.files.limits import check_declared, damaged, data_error
from pointlora.data.files.meshes import triangulate
from pointlora.data.files.text import Line, open_text, parse_rows, text_lines

_LINES_AT_ONCE = 1 << 16
_MARK = re.compile(r"(?:ST)?(?:C|N|CN|NC)?OFF(?=[\s\d#]|$)")


def read_off(path: Path) -> Content:
    """Read an OFF mesh, or the points that its vertices are if it has no faces.

    COFF, NOFF and STOFF (colours, normals, textures) are read for their coordinates. Some files of ModelNet40 lack the
    line break after "OFF"; that is understood. Faces may go on over several lines. The counts of the header must be
    those of the file.

    Raises:
        DataError: not OFF, counts that don't match, malformed lines, indices out of range.
    """
    with open_text(path) as file:
        lines = _without_mark(path, file)
        _, line = next(lines, (0, ""))
        counts = line.split()
        if len(counts) not in (2, 3) or not all(count.isdecimal() for count in counts):
            raise damaged(path, f"no line with the numbers of vertices and faces after OFF: {line[:40]!r}")
        num_vertices, num_faces = int(counts[0]), int(counts[1])
        check_declared(path, "lines", num_vertices + num_faces, 2, path.stat().st_size)
        if num_vertices == 0:
            raise data_error(path, "the file holds no points", "choose a file with at least one point")
        vertices = parse_rows(path, islice(lines, num_vertices), use_columns=(0, 1, 2))
        lengths, flat, num_lines = _read_faces(path, lines, num_faces)
        further = sum(1 for _ in lines)
    if len(vertices) != num_vertices or len(lengths) != num_faces or further:
        found = len(vertices) + num_lines + further
        problem = f"the header declares {num_vertices} vertices and {num_faces} faces, {found} lines follow"
        raise damaged(path, problem)
    triangles = triangulate(path, vertices, lengths, flat) if num_faces else None
    return Content(lambda: vertices, triangles=triangles)


def _without_mark(path: Path, file: TextIO) -> Iterator[Line]:
    """The lines behind the word OFF, of which the first may stand on its line."""
    lines = text_lines(file)
    number, line = next(lines, (0, ""))
    match = _MARK.match(line.upper())
    if match is None:
        raise data_error(path, "does not start with OFF, COFF or NOFF", "export it as an ASCII OFF mesh")
    rest = line[match.end() :].strip()
    if rest.upper() == "BINARY":
        raise data_error(path, "is a binary OFF file", "export it as an ASCII OFF mesh")
    return chain([(number, rest)], lines) if rest else lines


def _read_faces(path: Path, lines: Iterator[Line], number: int) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Lengths and indices of faces `n i_1 ... i_n [colour]`, and how many lines they take."""
    lengths, flat = array.array("q"), array.array("q")
    begun: list[str] = []
    taken, place = 0, 0
    while len(lengths) < number and (block := list(islice(lines, min(_LINES_AT_ONCE, number - len(lengths))))):
        taken += len(block)
        rows = None if begun else _equal_rows(block)
        if rows is not None:
            lengths.extend(rows[:, 0].tolist())
            flat.frombytes(np.ascontiguousarray(rows[:, 1:]).tobytes())
            continue
        for place, line in block:
            begun = _add_face(path, place, begun + line.split(), lengths, flat)
    if begun:
        raise _unfinished(path, place, begun)
    return np.array(lengths), np.array(flat), taken


def _equal_rows(block: list[Line]) -> NDArray[np.int64] | None:
    """Lines as an array (L, n + 1) if all of them are whole faces of n corners, without colours."""
    try:
        rows = np.loadtxt([line for _, line in block], np.int64, comments=None, ndmin=2)
    except ValueError:
        return None
    size = rows.shape[1] - 1
    return rows if size >= 3 and (rows[:, 0] == size).all() else None


def _add_face(path: Path, place: int, tokens: list[str], lengths: array.array, flat: array.array) -> list[str]:
    """Add one face; the tokens come back where it isn't complete, since it then goes on in the next line."""
    try:
        size = int(tokens[0])
        face = array.array("q", map(int, tokens[1 : size + 1]))
    except (ValueError, OverflowError) as error:
        raise damaged(path, f"line {place} is not a face: {' '.join(tokens)[:40]!r}") from error
    if size < 3:
        raise _unfinished(path, place, tokens)
    if len(face) < size:
        return tokens
    flat.extend(face)
    lengths.append(size)
    return []


def _unfinished(path: Path, place: int, tokens: list[str]) -> Exception:
    return damaged(path, f"line {place} declares a face of {tokens[0]} vertices and has {len(tokens) - 1} values")
