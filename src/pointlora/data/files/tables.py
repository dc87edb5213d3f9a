"""Tables of numbers in text: .xyz .txt .csv .asc and .pts files, with or without a line of names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

import numpy as np

from pointlora.data.files.columns import attributes_by_name, content_from_table
from pointlora.data.files.content import Column, Content
from pointlora.data.files.limits import damaged, data_error
from pointlora.data.files.names import find_axes
from pointlora.data.files.table_form import Form, find_form, plain_row
from pointlora.data.files.table_header import COMMENTS, Header, read_header, refuse_grid
from pointlora.data.files.text import Line, RowWatch, explain_rows, open_text, text_lines

# What Leica's .pts files have in their columns, by their number.
_PTS_NAMES = {4: ("x", "y", "z", "intensity"), 7: ("x", "y", "z", "intensity", "r", "g", "b")}


def read_text_table(path: Path) -> Content:
    """Read a table: columns separated by white space, commas, semicolons, bars or tabs, one point per line.

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
        header = read_header(path, enumerate(file, start=1))
        if header.first is None:
            raise data_error(path, "the file holds no points", "choose a file with at least one point")
        refuse_grid(path, header)
        form = find_form(path, header)
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
        lines: Iterable[Line] = text_lines(skipped, COMMENTS, header.first[0])
        watch = RowWatch(_without_counts(lines, counts) if counts and _is_pts(path) else lines)
        texts = (plain_row(line, form) for line in watch.texts())
        try:
            table = np.loadtxt(texts, delimiter=form.separator, comments=None, usecols=form.used, ndmin=2)
        except ValueError as error:
            number, text = watch.latest
            width = len(form.tokens(header.first[1])) if form.used is None else max(form.used) + 1
            row = (number, plain_row(text, form))
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
