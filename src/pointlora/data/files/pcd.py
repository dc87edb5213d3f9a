"""PCD files of the Point Cloud Library, version 0.7: ascii, binary and binary_compressed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pointlora.data.files.columns import attributes_by_name
from pointlora.data.files.content import Column, Content
from pointlora.data.files.limits import check_declared, check_rest, damaged, data_error, one_line
from pointlora.data.files.lzf import MAX_LZF_RATIO, lzf_decompress
from pointlora.data.files.names import find_axes
from pointlora.data.files.text import open_text, parse_rows, text_lines

_MAX_HEADER_BYTES = 1 << 16
_TYPES = {
    f"{kind}{size}" for kind, sizes in {"F": (4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}.items() for size in sizes
}


@dataclass(frozen=True)
class PcdHeader:
    """What the header declares: dtype of a point, number of points, encoding, where the data start, lines before."""

    dtype: np.dtype
    num_points: int
    encoding: str
    data_start: int
    num_lines: int


def read_pcd(path: Path) -> Content:
    """Read a PCD file.

    Fields normal_x, normal_y, normal_z become "normals", rgb or rgba (packed) "colors", label "labels"; padding fields
    `_` are dropped, all others keep their name and dtype. Words of old headers (COLUMNS for FIELDS, types in lower
    case) are understood.

    Raises:
        DataError: a header that contradicts itself or the size of the file, damaged data.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        header = parse_header(path, file.read(_MAX_HEADER_BYTES))
        available = size - header.data_start
        if header.encoding == "ascii":
            return _content(_read_ascii(path, header, available))
        file.seek(header.data_start)
        if header.encoding == "binary":
            return _content(_read_binary(path, header, file, available))
        return _content(_read_compressed(path, header, file.read()))


def parse_header(path: Path, raw: bytes) -> PcdHeader:
    """Parse the lines up to and including DATA.

    Raises:
        DataError: a line is missing or makes no sense.
    """
    entries: dict[str, list[str]] = {}
    position, num_lines = 0, 0
    while "DATA" not in entries:
        end = raw.find(b"\n", position, _MAX_HEADER_BYTES)
        if end < 0:
            raise damaged(path, "the PCD header has no line DATA")
        words = raw[position:end].decode("latin-1").lstrip("ï»¿").partition("#")[0].split()
        position, num_lines = end + 1, num_lines + 1
        if words:
            entries[words[0].upper()] = words[1:]
    try:
        names = entries["FIELDS"] if "FIELDS" in entries else entries["COLUMNS"]
        counts = [int(count) for count in entries.get("COUNT", ["1"] * len(names))]
        kinds = [f"{kind.upper()}{int(size)}" for kind, size in zip(entries["TYPE"], entries["SIZE"], strict=True)]
        fields = list(zip(names, kinds, counts, strict=True))
        (number,) = map(int, entries["POINTS"])
        (width,), (height,) = (map(int, entries.get(key, [other])) for key, other in (("WIDTH", number), ("HEIGHT", 1)))
        (encoding,) = entries["DATA"]
    except (KeyError, ValueError) as error:
        raise damaged(path, f"the PCD header is not valid ({one_line(error)})") from error
    if encoding.lower() not in ("ascii", "binary", "binary_compressed"):
        raise data_error(path, f"unknown DATA {encoding!r}", "use ascii, binary or binary_compressed")
    if number != width * height:
        raise damaged(path, f"the header declares {number} POINTS but {width} x {height} WIDTH x HEIGHT")
    return PcdHeader(_record_dtype(path, fields), number, encoding.lower(), position, num_lines)


def _record_dtype(path: Path, fields: list[tuple[str, str, int]]) -> np.dtype:
    parts: list[tuple[str, str, tuple[int, ...]]] = []
    for index, (name, kind, count) in enumerate(fields):
        if kind not in _TYPES or not 1 <= count <= 65536:
            raise damaged(path, f"field {name!r} has type {kind} and count {count}")
        key = f"_{index}" if name == "_" else name
        if key in [part[0] for part in parts]:
            raise damaged(path, f"field {name!r} is declared twice")
        parts.append((key, f"<{kind.lower()}", () if count == 1 else (count,)))
    present = [part[0] for part in parts if not part[2]]
    if find_axes(present) is None:
        raise data_error(path, f"its fields are {' '.join(present)}", "a point cloud needs the fields x y z")
    return np.dtype(parts)


def _read_ascii(path: Path, header: PcdHeader, available: int) -> np.ndarray:
    check_declared(path, "points", header.num_points, 2 * len(header.dtype.names or ()), available + 1)
    with open_text(path, header.data_start) as file:
        records = parse_rows(path, text_lines(file, first=header.num_lines + 1), header.dtype)
    if len(records) != header.num_points:
        raise damaged(path, f"the header declares {header.num_points} points, {len(records)} lines follow")
    return records


def _read_binary(path: Path, header: PcdHeader, file: BinaryIO, available: int) -> np.ndarray:
    check_declared(path, "points", header.num_points, header.dtype.itemsize, available)
    records = np.fromfile(file, header.dtype, header.num_points)
    check_rest(path, available - records.nbytes, file.read(8192))
    return records


def _read_compressed(path: Path, header: PcdHeader, body: bytes) -> np.ndarray:
    """Unpack the body: sizes packed and unpacked as uint32, then LZF data that hold one field after another."""
    expected = header.num_points * header.dtype.itemsize
    packed, unpacked = (int(size) for size in np.frombuffer(body[:8].ljust(8, b"\0"), "<u4"))
    if unpacked != expected or unpacked > MAX_LZF_RATIO * packed:
        raise damaged(path, f"{packed} compressed bytes declare {unpacked} bytes, the points need {expected}")
    check_declared(path, "compressed bytes", packed, 1, len(body) - 8)
    check_rest(path, len(body) - 8 - packed, body[8 + packed :])
    try:
        data = lzf_decompress(body[8 : 8 + packed], unpacked)
    except ValueError as error:
        raise damaged(path, one_line(error)) from error
    records = np.empty(header.num_points, header.dtype)
    position = 0
    for name in header.dtype.names or ():
        column = records[name]
        column[...] = np.frombuffer(data, column.dtype, column.size, position).reshape(column.shape)
        position += column.size * column.itemsize
    return records


def _content(records: np.ndarray) -> Content:
    names = [name for name in records.dtype.names or () if not name.startswith("_")]
    axes = find_axes(names)
    assert axes is not None
    further = {name: _column(records, name) for place, name in enumerate(names) if place not in axes}

    def coordinates() -> np.ndarray:
        return np.stack([records[names[place]] for place in axes], axis=1)

    def attributes(label: str | None) -> dict[str, np.ndarray]:
        return attributes_by_name({name: column() for name, column in further.items()}, label, packed=True)

    return Content(coordinates, further, attributes)


def _column(records: np.ndarray, name: str) -> Column:
    return lambda: np.ascontiguousarray(records[name])
