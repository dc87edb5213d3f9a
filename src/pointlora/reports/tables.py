"""Tables: aligned in plain text and in Markdown, and as CSV."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def text_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table with aligned columns: numbers to the right, everything else to the left.

    A cell is shown as `str(cell)` on one line; None as a dash. A column counts as numbers if all of its cells are
    numbers, or text that begins with a digit.

    Raises:
        ValueError: if a row has another number of cells than the header.
    """
    cells = [[_show(cell) for cell in row] for row in rows]
    widths = _widths(header, cells)
    right = [_is_numeric([row[column] for row in rows]) for column in range(len(header))]
    lines = [_join(header, widths, right), _join(["-" * width for width in widths], widths, right)]
    return "\n".join([*lines, *(_join(row, widths, right) for row in cells)])


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The same as a Markdown table; pipes within cells are escaped.

    Raises:
        ValueError: if a row has another number of cells than the header.
    """
    cells = [[_show(cell).replace("|", "\\|") for cell in row] for row in rows]
    _widths(header, cells)
    right = [_is_numeric([row[column] for row in rows]) for column in range(len(header))]
    rule = ["---:" if numeric else "---" for numeric in right]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(header), rule, *cells])


def csv_text(header: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """CSV text; None is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def key_value_table(values: Mapping[str, Any]) -> str:
    """A line for each value, the names padded to one width; inner mappings and lists are written out in a line."""
    names = [name.replace("_", " ") for name in values]
    width = max(map(_width, names), default=0)
    return "\n".join(
        f"{_pad(name, width)}  {_show_value(value)}" for name, value in zip(names, values.values(), strict=True)
    )


def _show_value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {_show_value(inner)}" for key, inner in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_show_value, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else _show(value)


def _show(cell: object) -> str:
    # File names may hold line breaks and control characters, which would spoil the table or the terminal.
    text = "-" if cell is None else str(cell)
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def _is_numeric(cells: Sequence[object]) -> bool:
    return bool(cells) and all(
        cell is None
        or (isinstance(cell, (int, float)) and not isinstance(cell, bool))
        or str(cell).strip()[:1].isdigit()
        for cell in cells
    )


def _widths(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row has {len(row)} cells, the header has {len(header)}")
    return [max(map(_width, column)) for column in zip(header, *rows, strict=True)]


def _join(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    return "  ".join(map(_pad, cells, widths, right)).rstrip()


def _pad(text: str, width: int, right: bool = False) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _width(text: str) -> int:
    """Columns on a terminal: East Asian wide characters take two, combining marks none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
