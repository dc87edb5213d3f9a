"""PTX files of terrestrial scanners (text): one or more scans, each a grid of points with a position of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.content import Content
from pointlora.data.files.limits import check_declared, damaged
from pointlora.data.files.tables import named_content
from pointlora.data.files.text import Line, open_text, parse_rows, text_lines

_NAMES = ("x", "y", "z", "intensity", "r", "g", "b")
_WIDTHS = (3, 4, 6, 7)


def read_ptx(path: Path) -> Content:
    """Read a PTX file: all scans in one coordinate system, rows 0 0 0 of the grid as rows without a point.

    A scan is ten lines (columns, rows, the scanner's position and axes, a matrix of four lines whose rows are the
    images of x, y, z and the origin) and columns x rows lines of x y z [intensity [r g b]].

    Raises:
        DataError: not text, a header of another form, fewer lines than declared.
    """
    tables: list[NDArray[np.float64]] = []
    with open_text(path) as file:
        lines = text_lines(file, comments=())
        while (head := next(lines, None)) is not None:
            tables.append(_read_scan(path, head, lines))
            if tables[-1].shape[1] != tables[0].shape[1]:
                raise damaged(path, f"its scans have {tables[0].shape[1]} and {tables[-1].shape[1]} columns")
    if not tables:
        raise damaged(path, "holds no scan")
    table = np.concatenate(tables) if len(tables) > 1 else tables[0]
    names = _NAMES if table.shape[1] != 6 else ("x", "y", "z", "r", "g", "b")
    return named_content(path, table, names[: table.shape[1]], None)


def _read_scan(path: Path, head: Line, lines: Iterator[Line]) -> NDArray[np.float64]:
    """The points of a scan (R, C), moved to where its matrix says; NaN where it has none."""
    number, text = head
    sizes = [text, *(line for _, line in islice(lines, 1))]
    if len(sizes) != 2 or not all(size.isdecimal() for size in sizes):
        raise damaged(path, f"line {number} is not the number of columns of a PTX scan: {text[:40]!r}")
    count = int(sizes[0]) * int(sizes[1])
    check_declared(path, "points", count, 6, path.stat().st_size)
    if count == 0:
        raise damaged(path, f"line {number} begins a scan without points")
    position = parse_rows(path, islice(lines, 4))
    matrix = parse_rows(path, islice(lines, 4))
    if position.shape != (4, 3) or matrix.shape != (4, 4):
        raise damaged(path, f"the scan in line {number} has no position of 4 x 3 and matrix of 4 x 4 numbers")
    table = parse_rows(path, islice(lines, count))
    if len(table) != count or table.shape[1] not in _WIDTHS:
        problem = f"the scan in line {number} declares {count} points, {len(table)} lines of {table.shape[1]} columns"
        raise damaged(path, f"{problem} follow")
    points = table[:, :3]
    empty = ~points.any(axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        table[:, :3] = points @ matrix[:3, :3] + matrix[3, :3]
    table[empty, :3] = np.nan
    return table
