"""The data of a PLY file by NumPy: rows of numbers, and lists of different lengths."""

from __future__ import annotations

import array
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.limits import check_rest, damaged
from pointlora.data.files.ply_elements import Lists, PlyElement, no_rows
from pointlora.data.files.ply_header import PlyElementHeader, PlyHeader, PlyProperty
from pointlora.data.files.ply_text import read_text_elements


def read_elements(path: Path, header: PlyHeader) -> list[PlyElement]:
    """Read all elements of a file whose size has been checked by `check_ply_size`.

    Raises:
        DataError: rows that are no numbers, lists that reach beyond the file, data that are too short or too long.
    """
    if header.format == "ascii":
        return read_text_elements(path, header)
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
        return no_rows(element), position
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
