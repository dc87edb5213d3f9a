"""LAS and LAZ files of laser scanners, read by laspy (LAZ with lazrs) after a check of their headers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pointlora.data.files.content import Column, Content
from pointlora.data.files.laz import LASZIP_RECORD, REWRITE, check_laz
from pointlora.data.files.limits import check_declared, check_rest, damaged, data_error, one_line, optional_module
from pointlora.errors import DataError

_VLR_BYTES = 54
_POINTS_A_READ = 250_000
_COLORS = ("red", "green", "blue")


@dataclass(frozen=True)
class LasHeader:
    """The part of the header that says how much there is to read."""

    num_points: int
    point_bytes: int
    data_start: int
    header_bytes: int
    num_vlrs: int
    compressed: bool
    minor_version: int


def read_las(path: Path) -> Content:
    """Read a LAS or LAZ file.

    "labels" is the classification, "colors" the red, green, blue (8 bits of 16 if any exceeds 255); the other
    dimensions keep their LAS name. Coordinates are scaled in float64, see `PointCloud.offset`.

    Raises:
        DataError: laspy or lazrs is missing, a header that contradicts the size, damaged data, no points.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        header = parse_las_header(path, file.read(375))
        laszip = _check_vlrs(path, header, file, size)
        if header.compressed:
            check_laz(path, file, size, header.data_start, header.num_points, header.point_bytes, laszip)
        else:
            _check_plain(path, header, file, size)
    laspy = optional_module(path, "laspy")
    if header.compressed:
        optional_module(path, "lazrs")
    try:
        return _content(_read_records(laspy, path, header))
    except DataError:
        raise
    except Exception as error:
        if "not supported" in str(error):
            raise data_error(path, f"lazrs cannot unpack it ({one_line(error)})", REWRITE) from error
        raise damaged(path, f"laspy cannot read it ({one_line(error)})") from error
    except BaseException as error:
        # A panic inside lazrs (Rust) arrives as a BaseException of its own, and is only bad data.
        if type(error).__name__ != "PanicException":
            raise
        raise damaged(path, f"lazrs cannot unpack it ({one_line(error)})") from error


def parse_las_header(path: Path, head: bytes) -> LasHeader:
    """Read the counts from the first 375 bytes of a file (ASPRS LAS 1.4 specification, table 3).

    Raises:
        DataError: not a LAS file, an unknown version, or too short for a header.
    """
    if head[:4] != b"LASF":
        raise damaged(path, "does not start with LASF")
    if len(head) < 227:
        raise damaged(path, f"has {len(head)} bytes, a LAS header needs 227")
    major, minor = head[24], head[25]
    header_bytes, data_start, num_vlrs, point_format, point_bytes, number = struct.unpack_from("<HIIBHI", head, 94)
    if major != 1 or minor > 5:
        raise damaged(path, f"has LAS version {major}.{minor}, known are 1.0 to 1.5")
    if minor >= 4:
        if len(head) < 255:
            raise damaged(path, f"has {len(head)} bytes, a LAS 1.4 header needs 375")
        (number,) = struct.unpack_from("<Q", head, 247)
    return LasHeader(number, point_bytes, data_start, header_bytes, num_vlrs, bool(point_format & 0xC0), minor)


def _check_vlrs(path: Path, header: LasHeader, file: BinaryIO, size: int) -> bytes:
    """Walk over the variable-length records, which must end before the points start; return the one of LASzip."""
    if not 227 <= header.header_bytes <= header.data_start <= size or header.point_bytes < 20:
        problem = f"declares a header of {header.header_bytes} bytes, points of {header.point_bytes} bytes"
        raise damaged(path, f"{problem} from byte {header.data_start} on, the file has {size} bytes")
    space = header.data_start - header.header_bytes
    check_declared(path, "variable-length records", header.num_vlrs, _VLR_BYTES, space)
    laszip = b""
    position = header.header_bytes
    for _ in range(header.num_vlrs):
        file.seek(position)
        _, user, number, length, _ = struct.unpack("<H16sHH32s", file.read(_VLR_BYTES).ljust(_VLR_BYTES, b"\0"))
        position += _VLR_BYTES + length
        if position > header.data_start:
            raise damaged(path, "a variable-length record reaches into the points")
        if (user.rstrip(b"\0"), number) == LASZIP_RECORD:
            laszip = file.read(length)
    return laszip


def _check_plain(path: Path, header: LasHeader, file: BinaryIO, size: int) -> None:
    available = size - header.data_start
    check_declared(path, "points", header.num_points, header.point_bytes, available)
    # From LAS 1.3 on, waveforms and extended records may follow the points.
    if header.minor_version < 3:
        end = header.data_start + header.num_points * header.point_bytes
        file.seek(end)
        check_rest(path, size - end, file.read(8192))


def _read_records(laspy: Any, path: Path, header: LasHeader) -> Any:
    """All points as laspy's record with scales and offsets.

    They are read in pieces into an array whose pages the system gives only as they are written, so that a false count
    fails before it has cost its memory.
    """
    with laspy.open(path, laz_backend=laspy.LazBackend.Lazrs, read_evlrs=False) as reader:
        scales, offsets = np.array(reader.header.scales), np.array(reader.header.offsets)
        record = laspy.ScaleAwarePointRecord.empty(reader.header.point_format, scales=scales, offsets=offsets)
        points = np.empty(header.num_points, record.array.dtype)
        done = 0
        for chunk in reader.chunk_iterator(_POINTS_A_READ):
            points[done : done + len(chunk)] = chunk.array
            done += len(chunk)
    if done != header.num_points:
        raise damaged(path, f"the header declares {header.num_points} points, {done} could be read")
    return laspy.ScaleAwarePointRecord(points, record.point_format, scales, offsets)


def _content(record: Any) -> Content:
    def coordinates() -> np.ndarray:
        points = np.empty((len(record), 3))
        with np.errstate(over="ignore", invalid="ignore"):
            for place, axis in enumerate("XYZ"):
                np.multiply(record[axis], record.scales[place], out=points[:, place])
                points[:, place] += record.offsets[place]
        return points

    def column(name: str) -> Column:
        return lambda: np.array(record[name])

    names = [name for name in record.point_format.dimension_names if name not in ("X", "Y", "Z")]
    columns = {name: column(name) for name in names}

    def attributes(label: str | None) -> dict[str, np.ndarray]:
        return _attributes({name: make() for name, make in columns.items()}, label)

    return Content(coordinates, columns, attributes)


def _attributes(arrays: dict[str, np.ndarray], label: str | None) -> dict[str, np.ndarray]:
    attributes: dict[str, np.ndarray] = {}
    if set(_COLORS) <= set(arrays):
        colors = np.stack([arrays.pop(name) for name in _COLORS], axis=1)
        attributes["colors"] = (colors >> 8 if colors.max() > 255 else colors).astype(np.uint8)
    if label in arrays:
        attributes["labels"] = arrays.pop(label)
    return attributes | arrays
