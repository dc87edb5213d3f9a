"""PCD files of the Point Cloud Library, version 0.7: ascii, binary and binary_compressed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pointlora.data.files.limits import check_declared, check_rest, damaged, data_error, one_line
from pointlora.data.files.lzf import MAX_LZF_RATIO, lzf_decompress
from pointlora.data.files.point_cloud import PointCloud, as_labels, build_cloud
from pointlora.data.files.text import parse_rows, text_lines

_MAX_HEADER_BYTES = 1 << 16
_TYPES = {
    f"{kind}{size}" for kind, sizes in {"F": (4, 8), "I": (1, 2, 4, 8), "U": (1, 2, 4, 8)}.items() for size in sizes
}
_NORMALS = ("normal_x", "normal_y", "normal_z")


@dataclass(frozen=True)
class PcdHeader:
    """What the header declares: the dtype of a point, the number of points, the encoding, where the data start."""

    dtype: np.dtype
    num_points: int
    encoding: str
    data_start: int


def read_pcd(path: Path) -> PointCloud:
    """Read a PCD file.

    Fields normal_x, normal_y, normal_z become "normals", rgb or rgba (packed) "colors", label "labels"; padding fields
    `_` are dropped, all others keep their name and dtype.

    Raises:
        DataError: a header that contradicts itself or the size of the file, damaged data, NaN coordinates.
    """
    raw = path.read_bytes()
    header = parse_header(path, raw)
    body = raw[header.data_start :]
    size = header.num_points * header.dtype.itemsize
    if header.encoding == "ascii":
        records = _read_ascii(path, header, body)
    elif header.encoding == "binary":
        check_declared(path, "points", header.num_points, header.dtype.itemsize, len(body))
        check_rest(path, len(body) - size, body[size:])
        records = np.frombuffer(body, header.dtype, header.num_points)
    else:
        records = _read_compressed(path, header, body)
    return _cloud(path, records)


def parse_header(path: Path, raw: bytes) -> PcdHeader:
    """Parse the lines up to and including DATA.

    Raises:
        DataError: a line is missing or makes no sense.
    """
    entries: dict[str, list[str]] = {}
    position = 0
    while "DATA" not in entries:
        end = raw.find(b"\n", position, _MAX_HEADER_BYTES)
        if end < 0:
            raise damaged(path, "the PCD header has no line DATA")
        words = raw[position:end].decode("ascii", errors="replace").partition("#")[0].split()
        position = end + 1
        if words:
            entries[words[0].upper()] = words[1:]
    try:
        names = entries["FIELDS"]
        counts = [int(count) for count in entries.get("COUNT", ["1"] * len(names))]
        kinds = [f"{kind}{int(size)}" for kind, size in zip(entries["TYPE"], entries["SIZE"], strict=True)]
        fields = list(zip(names, kinds, counts, strict=True))
        (width,), (height,), (number,) = (map(int, entries[key]) for key in ("WIDTH", "HEIGHT", "POINTS"))
        (encoding,) = entries["DATA"]
    except (KeyError, ValueError) as error:
        raise damaged(path, f"the PCD header is not valid ({one_line(error)})") from error
    if encoding.lower() not in ("ascii", "binary", "binary_compressed"):
        raise data_error(path, f"unknown DATA {encoding!r}", "use ascii, binary or binary_compressed")
    if number != width * height:
        raise damaged(path, f"the header declares {number} POINTS but {width} x {height} WIDTH x HEIGHT")
    return PcdHeader(_record_dtype(path, fields), number, encoding.lower(), position)


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
    if not {"x", "y", "z"} <= set(present):
        raise data_error(path, f"its fields are {' '.join(present)}", "a point cloud needs the fields x y z")
    return np.dtype(parts)


def _read_ascii(path: Path, header: PcdHeader, body: bytes) -> np.ndarray:
    check_declared(path, "points", header.num_points, 2 * len(header.dtype.names or ()), len(body) + 1)
    try:
        lines = text_lines(path, body.decode("ascii"))
    except UnicodeDecodeError as error:
        raise damaged(path, "DATA is ascii, but the data are not text") from error
    if len(lines) != header.num_points:
        raise damaged(path, f"the header declares {header.num_points} points, {len(lines)} lines follow")
    return parse_rows(path, lines, header.dtype)


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


def _cloud(path: Path, records: np.ndarray) -> PointCloud:
    names = [name for name in records.dtype.names or () if name not in ("x", "y", "z") and not name.startswith("_")]
    attributes: dict[str, np.ndarray] = {}
    for name in names:
        values = np.ascontiguousarray(records[name])
        packed = name in ("rgb", "rgba") and values.ndim == 1 and values.itemsize == 4
        if name in _NORMALS and set(_NORMALS) <= set(names):
            normals = [records[part].astype(np.float32) for part in _NORMALS]
            attributes.setdefault("normals", np.stack(normals, axis=1))
        elif packed and "colors" not in attributes:
            bits = values.view(np.uint32)
            attributes["colors"] = np.stack([bits >> 16, bits >> 8, bits], axis=1).astype(np.uint8)
        elif name == "label" and (labels := as_labels(values)) is not None:
            attributes["labels"] = labels
        else:
            attributes[name] = values
    return build_cloud(path, np.stack([records[axis] for axis in "xyz"], axis=1), attributes)
