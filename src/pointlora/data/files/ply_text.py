"""The data of PLY files in text."""

from __future__ import annotations

import array
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.limits import damaged
from pointlora.data.files.ply_elements import Lists, PlyElement, no_rows
from pointlora.data.files.ply_header import PlyElementHeader, PlyHeader, PlyProperty
from pointlora.data.files.text import Line, explain_rows, open_text, parse_rows, text_lines


def read_text_elements(path: Path, header: PlyHeader) -> list[PlyElement]:
    """Read all elements, one row per line.

    Raises:
        DataError: fewer or more lines than rows, a line that is no row, values that its type can't hold.
    """
    rows = sum(element.count for element in header.elements)
    elements = []
    with open_text(path, header.data_start) as file:
        lines = text_lines(file, (), header.num_lines + 1)
        counted = _Counted(lines)
        for element in header.elements:
            own = islice(counted, element.count)
            before = counted.count
            try:
                columns = _text_lists(path, element, own) if element.lists else _text_records(path, element, own)
            finally:
                missing = element.count - (counted.count - before)
            if missing > 0:
                raise damaged(path, f"the header declares {rows} rows of data, {counted.count} lines follow")
            elements.append(PlyElement(element, columns))
        further = sum(1 for _ in lines)
    if further:
        raise damaged(path, f"the header declares {rows} rows of data, {rows + further} lines follow")
    return elements


class _Counted:
    """Lines, and how many of them have been taken."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines, self.count = lines, 0

    def __iter__(self) -> Iterator[Line]:
        return self

    def __next__(self) -> Line:
        line = next(self._lines)
        self.count += 1
        return line


def _text_records(path: Path, element: PlyElementHeader, lines: Iterator[Line]) -> dict[str, np.ndarray | Lists]:
    if element.count == 0:
        return no_rows(element)
    head = next(lines, None)
    if head is None:
        return no_rows(element)
    width = len(element.properties)
    if len(head[1].split()) != width:
        raise explain_rows(path, head, None, width, exact=True)
    table = parse_rows(path, chain([head], lines))
    return {part.name: _as_declared(path, part, table[:, place]) for place, part in enumerate(element.properties)}


def _as_declared(path: Path, part: PlyProperty, values: NDArray[np.float64]) -> np.ndarray:
    """A column of text as the dtype that the header says, which a double holds exactly."""
    if part.kind[0] != "f":
        limits = np.iinfo(part.kind)
        if not ((values >= limits.min) & (values <= limits.max) & (values % 1 == 0)).all():
            raise damaged(path, f"property {part.name!r} has values that its type {limits.dtype} can't hold")
    with np.errstate(over="ignore"):
        return values.astype(part.kind)


def _text_lists(path: Path, element: PlyElementHeader, lines: Iterator[Line]) -> dict[str, np.ndarray | Lists]:
    values = [array.array("d") for _ in element.properties]
    lengths = [array.array("q") for _ in element.properties]
    for number, line in lines:
        tokens = line.split()
        position = 0
        try:
            for index, part in enumerate(element.properties):
                length = 1
                if part.length_kind is not None:
                    length = int(tokens[position])
                    position += 1
                    lengths[index].append(length)
                if not 0 <= length <= len(tokens) - position:
                    raise ValueError
                values[index].extend(map(float, tokens[position : position + length]))
                position += length
            if position != len(tokens):
                raise ValueError
        except (ValueError, IndexError) as error:
            raise damaged(path, f"line {number} isn't a row of {element.name!r}: {line[:40]!r}") from error
    columns: dict[str, np.ndarray | Lists] = {}
    for part, numbers, counts in zip(element.properties, values, lengths, strict=True):
        flat = _as_declared(path, part, np.array(numbers))
        columns[part.name] = flat if part.length_kind is None else Lists(np.array(counts), flat)
    return columns
