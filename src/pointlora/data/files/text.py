"""Tables of numbers in text: .xyz and .txt files, and the rows of other text formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from pointlora.data.files.columns import cloud_from_columns
from pointlora.data.files.limits import damaged, data_error
from pointlora.data.files.point_cloud import PointCloud

COMMENTS = ("#", "//")


def read_text_table(path: Path) -> PointCloud:
    """Read a .xyz or .txt file: columns separated by white space or by commas, three or more numbers a line.

    Comments (`#`, `//`), a header line without a single number, and a first line that is just the number of points are
    let pass; such a number must be right. What the columns mean says `cloud_from_columns`. Text carries no sure mark of
    its end: a file cut inside a line is refused, but one cut inside its very first line, inside its last number, or
    exactly between lines (without a number of points) cannot be told from a whole one.

    Raises:
        DataError: not text, a line with another number of columns, a value that is no number, no points.
    """
    lines = text_lines(path, read_text(path), COMMENTS)
    declared = None
    if lines and len(first := lines[0][1].replace(",", " ").split()) == 1 and first[0].isdecimal():
        declared = int(first[0])
        lines = lines[1:]
    if lines and not any(_is_number(token) for token in lines[0][1].replace(",", " ").split()):
        lines = lines[1:]
    if declared is not None and declared != len(lines):
        raise damaged(path, f"the first line declares {declared} points, {len(lines)} lines follow")
    return cloud_from_columns(path, parse_rows(path, lines))


def read_text(path: Path) -> str:
    """Return a file as text with `\\n` line ends.

    Raises:
        DataError: the bytes are no UTF-8 text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise data_error(path, f"is not text (byte {error.start})", "export it as UTF-8 text") from error
    if "\0" in text:
        raise data_error(path, "is not text (it holds zero bytes)", "export it as UTF-8 text")
    return text


def text_lines(path: Path, text: str, comments: Sequence[str] = ("#",)) -> list[tuple[int, str]]:
    """Return the non-empty lines as (line number from 1, text stripped of comments and white space)."""
    marks = [mark for mark in comments if mark in text]
    lines = []
    for number, line in enumerate(text.split("\n"), start=1):
        for mark in marks:
            line = line.partition(mark)[0]
        if line := line.strip():
            lines.append((number, line))
    return lines


def parse_rows(
    path: Path,
    lines: Sequence[tuple[int, str]],
    dtype: DTypeLike = np.float64,
    use_columns: tuple[int, ...] | None = None,
) -> np.ndarray:
    """Parse lines of numbers into an array, one row a line.

    Args:
        path: the file, for messages.
        lines: from `text_lines`.
        dtype: of the result; a structured dtype takes one column a field.
        use_columns: only these columns, all of which each line must have; without it all lines are equally long.

    Returns:
        (N, C) array, or (N,) for a structured dtype.

    Raises:
        DataError: no lines, or the first line that does not fit, by its number.
    """
    if not lines:
        raise data_error(path, "the file holds no points", "choose a file with at least one point")
    separator = "," if "," in lines[0][1] else None
    if not all(line for _, line in lines):
        raise damaged(path, _explain(lines, separator, use_columns))
    structured = np.dtype(dtype).names is not None
    try:
        return np.loadtxt(
            [line for _, line in lines],
            dtype=dtype,
            delimiter=separator,
            comments=None,
            usecols=use_columns,
            ndmin=1 if structured else 2,
        )
    except ValueError as error:
        raise damaged(path, _explain(lines, separator, use_columns)) from error


def _explain(lines: Sequence[tuple[int, str]], separator: str | None, use: tuple[int, ...] | None) -> str:
    """Say which line stopped `parse_rows`: numpy counts rows, not lines, and has advice for programmers."""
    width = len(lines[0][1].split(separator)) if use is None else max(use) + 1
    for number, line in lines:
        tokens = line.split(separator)
        if len(tokens) != width if use is None else len(tokens) < width:
            return f"line {number} has {len(tokens)} columns, not {width}"
        wrong = [token for token in tokens[:width] if not _is_number(token)]
        if wrong:
            return f"line {number} has {wrong[0][:40]!r} where a number should be"
    return "its values do not fit their declared types or number of columns"


def _is_number(token: str) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return "_" not in token
