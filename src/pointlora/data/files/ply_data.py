"""The data of a PLY file by NumPy: rows of numbers, and lists of different lengths."""

from __future__ import annotations

import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.limits import check_rest, damaged
from pointlora.data.files.ply_header import PlyElementHeader, PlyHeader, PlyProperty
from pointlora.data.files.text import Line, explain_rows, open_text, parse_rows, text_lines


@dataclass(frozen=True)
class Lists:
    """R lists of numbers: how long each is, and all numbers one after another."""

    lengths: NDArray[np.int64]
    flat: np.ndarray


@dataclass(frozen=True)
class PlyElement:
    """An element's rows: a column (R,) a property, or `Lists`."""

    header: PlyElementHeader
    columns: dict[str, np.ndarray | Lists]


def read_elements(path: Path, header: PlyHeader) -> list[PlyElement]:
    """Read all elements of a file whose size has been checked by `check_ply_size`.

    Raises:
        DataError: rows that are no numbers, lists that reach beyond the file, data that are too short or too long.
    """
    if header.format == "ascii":
        return _read_text(path, header)
    content = np.fromfile(path, np.uint8, offset=header.data_start)
    elements, position = [], 0
    for element in header.elements:
        read = _read_lists if element.lists else _read_records
        columns, position = read(path, header.order, element, content, position)
        elements.append(PlyElement(element, columns))
    check_rest(path, len(content) - position, content[position : position + 8192].tobytes())
    return elements


def _read_records(
    path: Path, order: str, element: PlyElementHeader, content: NDArray[np.uint8], position: int
) -> tuple[dict[str, np.ndarray | Lists], int]:
    dtype = np.dtype([(part.name, order + part.kind) for part in element.properties])
    end = position + element.count * dtype.itemsize
    if end > len(content):
        raise damaged(path, f"the rows of {element.name!r} reach beyond the end of the file")
    records = content[position:end].view(dtype)
    return {name: records[name] for name in element.names}, end


def _read_lists(
    path: Path, order: str, element: PlyElementHeader, content: NDArray[np.uint8], position: int
) -> tuple[dict[str, np.ndarray | Lists], int]:
    """Rows with lists: in one go where all have the lengths of the first row, else one after another."""
    if element.count == 0:
        return _empty(element), position
    lengths = _first_lengths(path, order, element, content, position)
    dtype = _row_dtype(order, element, lengths)
    end = position + element.count * dtype.itemsize
    if end <= len(content):
        records = content[position:end].view(dtype)
        if all((records[_length_name(name)] == length).all() for name, length in lengths.items()):
            return _columns(element, records), end
    places, end = _walk(path, order, element, content, position)
    columns: dict[str, np.ndarray | Lists] = {}
    for part, (starts, counts) in zip(element.properties, places, strict=True):
        dtype = np.dtype(order + part.kind)
        flat = _gather(content, starts, counts, dtype)
        columns[part.name] = flat if part.length_kind is None else Lists(counts, flat)
    return columns, end


def _empty(element: PlyElementHeader) -> dict[str, np.ndarray | Lists]:
    none = np.zeros(0, np.int64)
    return {
        part.name: Lists(none, np.zeros(0, part.kind)) if part.length_kind else np.zeros(0, part.kind)
        for part in element.properties
    }


def _length_name(name: str) -> str:
    return f"{name}\0length"


def _first_lengths(
    path: Path, order: str, element: PlyElementHeader, content: NDArray[np.uint8], position: int
) -> dict[str, int]:
    lengths = {}
    for part in element.properties:
        if part.length_kind is not None:
            lengths[part.name] = _length(path, order, element, part, content, position)
            position += np.dtype(part.length_kind).itemsize
        position += np.dtype(part.kind).itemsize * lengths.get(part.name, 1)
    return lengths


def _length(
    path: Path, order: str, element: PlyElementHeader, part: PlyProperty, content: NDArray[np.uint8], position: int
) -> int:
    kind = np.dtype(order + (part.length_kind or "u1"))
    data = content[position : position + kind.itemsize]
    rest = len(content) - position - kind.itemsize
    length = int(data.view(kind)[0]) if len(data) == kind.itemsize else -1
    if not 0 <= length * np.dtype(part.kind).itemsize <= rest:
        raise damaged(path, f"a list of {element.name!r} reaches beyond the end of the file")
    return length


def _row_dtype(order: str, element: PlyElementHeader, lengths: dict[str, int]) -> np.dtype:
    fields: list[tuple] = []
    for part in element.properties:
        if part.length_kind is None:
            fields.append((part.name, order + part.kind))
        else:
            fields.append((_length_name(part.name), order + part.length_kind))
            fields.append((part.name, order + part.kind, (lengths[part.name],)))
    return np.dtype(fields)


def _columns(element: PlyElementHeader, records: np.ndarray) -> dict[str, np.ndarray | Lists]:
    columns: dict[str, np.ndarray | Lists] = {}
    for part in element.properties:
        values = records[part.name]
        if part.length_kind is None:
            columns[part.name] = values
        else:
            columns[part.name] = Lists(np.full(len(records), values.shape[1], np.int64), values.ravel())
    return columns


def _walk(
    path: Path, order: str, element: PlyElementHeader, content: NDArray[np.uint8], position: int
) -> tuple[list[tuple[NDArray[np.int64], NDArray[np.int64]]], int]:
    """For each property where its numbers start in each row, and how many there are; then where the rows end."""
    parts = [
        (index, np.dtype(part.kind).itemsize, np.dtype(part.length_kind).itemsize if part.length_kind else 0)
        for index, part in enumerate(element.properties)
    ]
    starts = [array.array("q") for _ in parts]
    counts = [array.array("q") for _ in parts]
    data, size = content.data, len(content)
    byteorder: Literal["big", "little"] = "big" if order == ">" else "little"
    signed = [(part.length_kind or "u")[0] == "i" for part in element.properties]
    for _ in range(element.count):
        for index, itemsize, length_bytes in parts:
            count = 1
            if length_bytes:
                count = int.from_bytes(data[position : position + length_bytes], byteorder, signed=signed[index])
                position += length_bytes
            starts[index].append(position)
            counts[index].append(count)
            position += count * itemsize
            if count < 0 or position > size:
                raise damaged(path, f"a list of {element.name!r} reaches beyond the end of the file")
    found = [(np.array(start), np.array(count)) for start, count in zip(starts, counts, strict=True)]
    return found, position


def _gather(
    content: NDArray[np.uint8], starts: NDArray[np.int64], counts: NDArray[np.int64], dtype: np.dtype
) -> np.ndarray:
    """Numbers that start at the bytes `starts`, `counts` of them at each, one after another."""
    before = np.cumsum(counts) - counts
    places = np.repeat(starts - before * dtype.itemsize, counts) + np.arange(int(counts.sum())) * dtype.itemsize
    flat = np.empty((len(places), dtype.itemsize), np.uint8)
    for byte in range(dtype.itemsize):
        flat[:, byte] = content[places + byte]
    return flat.view(dtype)[:, 0]


def pack_element(element: PlyElement) -> bytes:
    """The rows of an element as little-endian bytes, with lengths and numbers of the types that its header says."""
    parts = [(part, element.columns[part.name]) for part in element.header.properties]
    ends = np.zeros(element.header.count, np.int64)
    placed = []
    for part, values in parts:
        kind = np.dtype(f"<{part.kind}")
        if isinstance(values, Lists):
            lengths = values.lengths.astype(f"<{part.length_kind}")
            ones = np.ones_like(ends)
            placed.append((ends.copy(), ones, lengths))
            ends += lengths.itemsize
            placed.append((ends.copy(), values.lengths, values.flat.astype(kind)))
            ends += values.lengths * kind.itemsize
        else:
            placed.append((ends.copy(), np.ones_like(ends), values.astype(kind)))
            ends += kind.itemsize
    starts = np.cumsum(ends) - ends
    packed = np.empty(int(ends.sum()), np.uint8)
    for within, counts, numbers in placed:
        _scatter(packed, starts + within, counts, numbers)
    return packed.tobytes()


def _scatter(packed: NDArray[np.uint8], starts: NDArray[np.int64], counts: NDArray[np.int64], flat: np.ndarray) -> None:
    """Put numbers where `_gather` would find them."""
    size = flat.dtype.itemsize
    before = np.cumsum(counts) - counts
    places = np.repeat(starts - before * size, counts) + np.arange(len(flat)) * size
    bytes_of = np.ascontiguousarray(flat).view(np.uint8).reshape(len(flat), size)
    for byte in range(size):
        packed[places + byte] = bytes_of[:, byte]


def _read_text(path: Path, header: PlyHeader) -> list[PlyElement]:
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
        return _empty(element)
    head = next(lines, None)
    if head is None:
        return _empty(element)
    width = len(element.properties)
    if len(head[1].split()) != width:
        raise explain_rows(path, head, None, width, exact=True)
    table = parse_rows(path, _chain(head, lines))
    return {part.name: _as_declared(path, part, table[:, place]) for place, part in enumerate(element.properties)}


def _chain(head: Line, lines: Iterator[Line]) -> Iterator[Line]:
    yield head
    yield from lines


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
            raise damaged(path, f"line {number} is no row of {element.name!r}: {line[:40]!r}") from error
    columns: dict[str, np.ndarray | Lists] = {}
    for part, numbers, counts in zip(element.properties, values, lengths, strict=True):
        flat = _as_declared(path, part, np.array(numbers))
        columns[part.name] = flat if part.length_kind is None else Lists(np.array(counts), flat)
    return columns
