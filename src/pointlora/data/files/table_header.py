"""What stands before the first row of a table in text: comments, names, a number of points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pointlora.data.files.limits import damaged, data_error
from pointlora.data.files.names import AXES, find_axes, split_names
from pointlora.data.files.text import Line, is_number

COMMENTS = ("#", "//", "%")
SEPARATORS = (None, ",", ";", "\t", "|")
_MAX_HEADER_LINES = 100
# What programs write where a number is missing; other words under names are units.
_MISSING = ("-", "--", "?", "n/a", "na", "#n/a", "nil", "none", "null", "missing")


@dataclass
class Header:
    """What stands before the first row of numbers.

    Attributes:
        comments: texts of comment lines.
        texts: other lines without numbers, by their number.
        count: the number of points that a line of its own declares.
        first: the first row; None if there is none.
    """

    comments: list[str] = field(default_factory=list)
    texts: list[Line] = field(default_factory=list)
    count: int | None = None
    first: Line | None = None


def read_header(path: Path, lines: Iterable[Line]) -> Header:
    """Read lines up to the first row.

    Args:
        path: the file, for messages.
        lines: its lines with their numbers; they are left behind the first row.

    Raises:
        DataError: a line before it that is neither text nor a number of points.
    """
    header = Header()
    for number, raw in lines:
        line = raw.strip()
        if "\0" in line:
            raise data_error(path, f"is not text (line {number} holds zero bytes)", "export it as UTF-8 text")
        if not line:
            continue
        if line.startswith(COMMENTS):
            header.comments.append(line.lstrip("#/% \t"))
            continue
        for mark in COMMENTS:
            line = line.partition(mark)[0].rstrip()
        kind = _kind(line)
        if kind in ("text", "wrong"):
            kind = _kind_under_names(path, header, number, line) or kind
        if kind == "count" and header.count is None:
            header.count = int(line)
        elif kind == "row":
            header.first = (number, line)
            return header
        elif kind == "wrong" or len(header.texts) == _MAX_HEADER_LINES:
            first = next(token for token in _words(line) if not is_number(token) or kind != "wrong")
            raise damaged(path, f"line {number} has {first[:40]!r} where a number should be")
        else:
            header.texts.append((number, line))
    return header


def refuse_grid(path: Path, header: Header) -> None:
    """Raise DataError for heights of a raster, which are rows of numbers too, and share the suffix .asc with tables."""
    if any(text.lower().startswith("ncols") for _, text in header.texts):
        raise data_error(path, "is a grid of heights (ESRI ASCII raster)", "export it as points x, y, z")


def _words(line: str) -> list[str]:
    for separator in ";,\t|":
        line = line.replace(separator, " ")
    return line.replace('"', " ").split() or [line]


def _kind(line: str) -> str:
    """Whether a line is a "count", a "row" of numbers, "text", or "wrong": neither of these."""
    words = _words(line)
    if len(words) == 1:
        return "count" if words[0].isdecimal() and words[0].isascii() else "text"
    numbers = [is_number(word) for word in words]
    if all(numbers):
        return "row"
    return "wrong" if numbers[0] or sum(numbers) >= 3 else "text"


def _kind_under_names(path: Path, header: Header, number: int, line: str) -> str | None:
    """Whether a line that isn't all numbers is a row all the same, because names say which columns are x, y and z.

    Raises:
        DataError: the line has as many cells as there are names, and some of the three are numbers, others not.
    """
    for _, text in reversed(header.texts):
        if not set(AXES) <= set(text.lower()):
            continue
        for sign in SEPARATORS:
            for names in with_row_names(split_names(text, sign), line):
                cells = _cells_at_axes(names, line.split(sign))
                if not cells:
                    continue
                lost = [cell for cell in cells if not is_number(cell.replace(",", "."))]
                if not lost or not any(cells):
                    return "row"
                if len(lost) < len(cells) or any(cell.lower() in _MISSING for cell in lost):
                    raise damaged(path, f"line {number} has {lost[0][:40]!r} where a number should be")
    return None


def with_row_names(names: list[str], line: str) -> list[list[str]]:
    """Names as they stand, and with one for the quoted names of rows that R writes without a name in front of them."""
    return [names, ["", *names]] if line.startswith('"') else [names]


def _cells_at_axes(names: list[str], tokens: list[str]) -> list[str]:
    """The cells of x, y and z; [] unless there is one cell a name."""
    axes = find_axes(names)
    if axes is None or len(names) != len(tokens):
        return []
    return [tokens[place].strip().strip('"').strip() for place in axes]
