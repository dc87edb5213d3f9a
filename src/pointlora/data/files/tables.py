"""Tables of numbers in text: .xyz .txt .csv .asc and .pts files, with or without a line of names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np

from pointlora.data.files.columns import attributes_by_name, content_from_table
from pointlora.data.files.content import Column, Content
from pointlora.data.files.limits import damaged, data_error
from pointlora.data.files.names import AXES, find_axes, split_names, unique_names
from pointlora.data.files.text import Line, RowWatch, explain_rows, is_number, open_text, text_lines

_COMMENTS = ("#", "//")
_SEPARATORS = (None, ",", ";", "\t")
_MAX_HEADER_LINES = 100
_MAX_COLUMNS = 10_000
# What Leica's .pts files have in their columns, by their number.
_PTS_NAMES = {4: ("x", "y", "z", "intensity"), 7: ("x", "y", "z", "intensity", "r", "g", "b")}


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


@dataclass(frozen=True)
class Form:
    """How rows are written.

    Attributes:
        separator: between columns; None is white space.
        decimal_comma: whether numbers are written like 1,5.
        quoted: whether numbers stand in quotes.
        names: of all columns, None without names.
        used: columns that hold numbers, all if None.
    """

    separator: str | None
    decimal_comma: bool
    quoted: bool
    names: tuple[str, ...] | None = None
    used: tuple[int, ...] | None = None

    @property
    def axes(self) -> tuple[int, int, int]:
        """Where x, y and z stand."""
        return (0, 1, 2) if self.names is None else find_axes(self.names) or (0, 1, 2)

    def tokens(self, line: str) -> list[str]:
        """The cells of a row, numbers as Python writes them."""
        return [token.strip() for token in _plain_row(line, self).split(self.separator)]


def read_text_table(path: Path) -> Content:
    """Read a table: columns separated by white space, commas, semicolons or tabs, a point a line.

    Numbers may have a decimal comma where semicolons or tabs separate them. Comments (`#`, `//`), lines of text before
    the first row and a line that is just the number of points are let pass; such a number must be right. Names of the
    columns, in such a line or in a comment, decide what the columns mean (in any case, quoted, with units in brackets);
    without names they are as `content_from_table` says. Text carries no sure mark of its end: a file cut inside a line
    is refused, but one cut inside its very first line, inside its last number, or exactly between lines (without a
    number of points) cannot be told from a whole one.

    Raises:
        DataError: not text, names without x, y or z, a line with another number of columns, a value that is no number,
            no points.
    """
    with open_text(path) as file:
        header = _read_header(path, enumerate(file, start=1))
        if header.first is None:
            raise data_error(path, "the file holds no points", "choose a file with at least one point")
        form = _find_form(path, header)
        if _is_cut(path, form, header.first[1]):
            raise damaged(path, "ends inside a line")
        table = _parse_quickly(form, header, file)
    count = header.count
    if table is None:
        table, count = _parse_carefully(path, form, header)
    if count not in (None, len(table)):
        raise damaged(path, f"the first line declares {count} points, {len(table)} lines follow")
    names = form.names
    if names is None and _is_pts(path):
        names = _PTS_NAMES.get(table.shape[1])
    return content_from_table(path, table) if names is None else named_content(path, table, names, form.used)


def named_content(path: Path, table: np.ndarray, names: tuple[str, ...], used: tuple[int, ...] | None) -> Content:
    """The content of a table (R, C) whose columns have names, three of them x, y and z.

    Args:
        path: the file.
        table: (R, C) numbers.
        names: of all columns of the file.
        used: which of these the C columns are, all if None.
    """
    held = names if used is None else tuple(names[place] for place in used)
    axes = find_axes(held)
    assert axes is not None
    further = {name: _column(table, place) for place, name in enumerate(held) if place not in axes}

    def attributes(label: str | None) -> dict[str, np.ndarray]:
        return attributes_by_name({name: column() for name, column in further.items()}, label, whole=True)

    return Content(lambda: table[:, axes], further, attributes, positions=names)


def _column(table: np.ndarray, place: int) -> Column:
    return lambda: table[:, place]


def _is_pts(path: Path) -> bool:
    return path.suffix.lower() == ".pts"


def _read_header(path: Path, lines: Iterable[Line]) -> Header:
    header = Header()
    for number, raw in lines:
        line = raw.strip()
        if "\0" in line:
            raise data_error(path, f"is not text (line {number} holds zero bytes)", "export it as UTF-8 text")
        if not line:
            continue
        if line.startswith(_COMMENTS):
            header.comments.append(line.lstrip("#/ \t"))
            continue
        for mark in _COMMENTS:
            line = line.partition(mark)[0].rstrip()
        kind = _kind(line)
        if header.texts and kind in ("text", "wrong") and _are_names_of(header.texts[-1][1], line):
            kind = "row"
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


def _words(line: str) -> list[str]:
    for separator in ";,\t":
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


def _are_names_of(names: str, line: str) -> bool:
    """Whether a line that isn't all numbers is a row all the same, because names say which columns are x, y and z."""
    return any(_numbers_at_axes(split_names(names, sign), line.split(sign)) for sign in _SEPARATORS)


def _numbers_at_axes(names: list[str], tokens: list[str]) -> bool:
    axes = find_axes(names)
    return (
        axes is not None
        and len(names) == len(tokens)
        and all(is_number(tokens[place].strip().strip('"').replace(",", ".")) for place in axes)
    )


def _find_form(path: Path, header: Header) -> Form:
    """How rows are written, from the first one and what stands before it."""
    assert header.first is not None
    number, line = header.first
    separator = _separator(line, header.texts)
    decimal_comma = separator in (";", "\t") and "," in line
    form = Form(separator, decimal_comma, quoted='"' in line or "'" in line)
    tokens = form.tokens(line)
    if len(tokens) > _MAX_COLUMNS:
        raise data_error(path, f"line {number} has {len(tokens)} columns", f"store at most {_MAX_COLUMNS}")
    names = _find_names(path, header, form, tokens)
    names = None if names is None else names + [""] * (len(tokens) - len(names))
    # Text is passed over; an empty cell is a number that is missing, unless the line just ends in a separator.
    used = tuple(
        place for place, token in enumerate(tokens) if is_number(token) or (not token and names and names[place])
    )
    return Form(
        separator,
        decimal_comma,
        form.quoted,
        None if names is None else unique_names(names),
        None if len(used) == len(tokens) else used,
    )


def _separator(line: str, texts: list[Line]) -> str | None:
    if ";" in line:
        return ";"
    fields = [part.strip().strip('"') for part in line.split("\t")]
    numbers = len(fields) > 2 and all(is_number(part.replace(",", ".")) or not part for part in fields)
    # Without commas and names, tabs are white space like any other, and may stand in a row.
    if numbers and ("," in line or any(text.count("\t") == len(fields) - 1 for _, text in texts)):
        return "\t"
    return "," if "," in line else None


def _find_names(path: Path, header: Header, form: Form, tokens: list[str]) -> list[str] | None:
    """The names of the columns: those that have x, y and z and fit the first row.

    Raises:
        DataError: a line of names lacks one of them, or doesn't fit.
    """
    texts = [line for _, line in header.texts]
    for line in [*reversed(texts), *reversed(header.comments)]:
        for separator in (form.separator, *_SEPARATORS):
            names = split_names(line, separator)
            if find_axes(names) is None:
                continue
            if len(names) == len(tokens) or (len(names) < len(tokens) and _are_first(names, tokens)):
                return names
            if line in texts:
                problem = f"its columns are named {' '.join(names)[:80]}, its rows have {len(tokens)} columns"
                raise data_error(path, problem, "give each column one name")
    if texts:
        names = split_names(texts[-1], form.separator)
        explicit = form.separator is not None and form.separator in texts[-1]
        if len(names) == len(tokens) or explicit:
            raise data_error(path, f"its columns are named {' '.join(names)[:80]}", "name three of them x, y and z")
    return None


def _are_first(names: list[str], tokens: list[str]) -> bool:
    """Whether fewer names than columns are those of the first ones, and not of columns behind a number of the row."""
    return tuple(name.lower() for name in names[:3]) == AXES and tokens[0] not in ("0", "1")


def _parse_quickly(form: Form, header: Header, file: TextIO) -> np.ndarray | None:
    """The table (R, C) where the rest of the file is nothing but rows; None where a closer look is needed."""
    assert header.first is not None
    if form.quoted or form.decimal_comma:
        return None
    try:
        lines = chain([header.first[1]], file)
        return np.loadtxt(lines, delimiter=form.separator, comments=None, usecols=form.used, ndmin=2)
    except ValueError:
        return None


def _parse_carefully(path: Path, form: Form, header: Header) -> tuple[np.ndarray, int | None]:
    """Parse rows to (R, C) among comments, quotes, decimal commas, empty cells and counts.

    Returns:
        the table, and the number of points that all counts together declare: a .pts file may hold several clouds, each
        behind its own.

    Raises:
        DataError: a line that is no row, by its number.
    """
    assert header.first is not None
    counts = [] if header.count is None else [header.count]
    with open_text(path) as file:
        skipped = islice(file, header.first[0] - 1, None)
        lines: Iterable[Line] = text_lines(skipped, _COMMENTS, header.first[0])
        watch = RowWatch(_without_counts(lines, counts) if counts and _is_pts(path) else lines)
        texts = (_plain_row(line, form) for line in watch.texts())
        try:
            table = np.loadtxt(texts, delimiter=form.separator, comments=None, usecols=form.used, ndmin=2)
        except ValueError as error:
            number, text = watch.latest
            width = len(form.tokens(header.first[1])) if form.used is None else max(form.used) + 1
            row = (number, _plain_row(text, form))
            raise explain_rows(path, row, form.separator, width, form.used is None) from error
    return table, sum(counts) if counts else None


def _is_cut(path: Path, form: Form, first: str) -> bool:
    """Whether the file ends behind a separator, and the rows don't."""
    if form.separator is None or first.endswith(form.separator):
        return False
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == form.separator.encode()


def _without_counts(lines: Iterable[Line], counts: list[int]) -> Iterator[Line]:
    for number, line in lines:
        if line.isdecimal():
            counts.append(int(line))
        else:
            yield number, line


def _plain_row(line: str, form: Form) -> str:
    """A row without quotes, decimal commas and empty cells."""
    if form.quoted:
        line = line.replace('"', "").replace("'", "")
    if form.decimal_comma:
        line = line.replace(",", ".")
    sign = form.separator
    if sign is None or form.names is None:
        return line
    if not (sign + sign in line.replace(" ", "") or line[:1] == sign or line[-1:] == sign):
        return line
    cells = [cell.strip() for cell in line.split(sign)]
    empty = {place for place, cell in enumerate(cells) if not cell}
    # A point without coordinates is a row without a point; one with two of them is damaged.
    if empty & set(form.axes) and not set(form.axes) <= empty:
        return line
    return sign.join(cell or "nan" for cell in cells)
