"""A file of ragged clouds: a header, all points one after the other, and a table with one row per cloud.

| part | content |
| --- | --- |
| header | 1024 bytes: magic, then one line of JSON with its own CRC-32, padded with zeros |
| points | (total, 3) little-endian float32; wider rows where clouds have labels of points |
| table | one row per cloud: first point, points, label (int64) and CRC-32 of the points (int64) |

The header holds the table's CRC-32 and each row that of its points, so that a damaged file is noticed without reading
more of it than is used. Clouds are read with `pread`: a mapped file would count towards the process's memory as far as
it has been read, and kill the process where it has been cut off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pointlora.atomic import write_atomically
from pointlora.errors import DataError

MAGIC = b"pointlora clouds 1\n"
HEADER = 1024
ROW = 4
NUMBER = 4  # bytes of a float32


class DamagedCacheError(DataError):
    """The file is cut off, changed, or not of this kind: it must be made anew."""


def write_clouds(
    path: Path, state: str, clouds: Iterable[tuple[NDArray[np.float32], int]], describe: Callable[[int], str]
) -> None:
    """Write clouds to a file, whole or not at all, with one cloud at a time in memory.

    Args:
        path: the file; its folder must exist.
        state: what the clouds were made from; `CloudFile` asks for it.
        clouds: (N_i, 3) finite clouds of at least one point, with labels; all may be wider than 3 alike.
        describe: where a cloud comes from.

    Raises:
        DataError: naming a cloud that is empty or not finite.
        OSError: if the disk is full.
    """
    write_atomically(path, lambda file: _write(file, state, clouds, describe))


def _write(
    file: BinaryIO, state: str, clouds: Iterable[tuple[NDArray[np.float32], int]], describe: Callable[[int], str]
) -> None:
    rows, total, width = [], 0, 3
    file.write(bytes(HEADER))
    for index, (cloud, label) in enumerate(clouds):
        if not len(cloud):
            raise DataError(f"{describe(index)}: holds no point")
        if not np.isfinite(cloud).all():
            raise DataError(f"{describe(index)}: holds NaN or infinite coordinates")
        width = cloud.shape[1]
        content = np.ascontiguousarray(cloud, dtype="<f4").tobytes()
        file.write(content)
        rows.append((total, len(cloud), label, crc32(content)))
        total += len(cloud)
    table = np.array(rows, dtype="<i8").reshape(-1, ROW)
    file.write(table.tobytes())
    header = {
        "state": state,
        "clouds": len(rows),
        "points": total,
        "width": width,
        "smallest": int(table[:, 1].min(initial=total)),
        "finite": True,
        "table": crc32(table.tobytes()),
    }
    file.seek(0)
    file.write(_pack(header))


def _pack(header: dict[str, Any]) -> bytes:
    line = json.dumps(header).encode()
    return (MAGIC + f"{crc32(line):08x} ".encode() + line + b"\n").ljust(HEADER, b"\0")


class CloudFile:
    """An open file of clouds; reading is safe from several processes that share it after a fork.

    Args:
        path: the file.
        state: what it must have been made from.

    Attributes:
        sizes: (n,) int64, points of each cloud; all of them are finite.
        labels: (n,) int64.
        width: columns of a cloud, 3 without labels of points.

    Raises:
        FileNotFoundError: if there is none.
        DamagedCacheError: if it is damaged or made from something else.
    """

    def __init__(self, path: Path, state: str) -> None:
        self.path = path
        self._file = open(path, "rb")  # noqa: SIM115  # stays open as long as the object
        try:
            header = _unpack(self._at(HEADER, 0), path)
            count, self.width = header["clouds"], header.get("width", 3)
            start = HEADER + NUMBER * self.width * header["points"]
            size = os.fstat(self._file.fileno()).st_size
            if header["state"] != state:
                raise DamagedCacheError(f"{path}: was made from different files")
            if size != start + 8 * ROW * count:
                raise DamagedCacheError(f"{path}: has {size} bytes, not {start + 8 * ROW * count}")
            table = self._at(8 * ROW * count, start)
            if crc32(table) != header["table"]:
                raise DamagedCacheError(f"{path}: its table is damaged")
        except BaseException:
            self._file.close()
            raise
        columns = np.frombuffer(table, dtype="<i8").reshape(-1, ROW)
        self.sizes, self.labels = columns[:, 1].astype(np.int64), columns[:, 2].astype(np.int64)
        self._starts, self._checks = columns[:, 0].copy(), columns[:, 3].copy()

    def __len__(self) -> int:
        return len(self.sizes)

    def cloud(self, index: int) -> NDArray[np.float32]:
        """Cloud `index` as (N_i, width) float32, a copy of its own.

        Raises:
            DamagedCacheError: if its bytes are not those that were written.
        """
        row = NUMBER * self.width
        content = self._at(row * int(self.sizes[index]), HEADER + row * int(self._starts[index]))
        if crc32(content) != self._checks[index]:
            raise DamagedCacheError(f"{self.path}: cloud {index} is damaged")
        return np.frombuffer(content, dtype="<f4").reshape(-1, self.width).astype(np.float32, copy=False)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _at(self, size: int, start: int) -> bytes:
        if hasattr(os, "pread") and size < 1 << 30:
            return os.pread(self._file.fileno(), size, start)
        self._file.seek(start)
        return self._file.read(size)


def _unpack(content: bytes, path: Path) -> dict[str, Any]:
    line = content.removeprefix(MAGIC)
    check, _, text = line.rstrip(b"\0").removesuffix(b"\n").partition(b" ")
    if line is content or check != f"{crc32(text):08x}".encode():
        raise DamagedCacheError(f"{path}: its header is damaged")
    header: dict[str, Any] = json.loads(text)
    return header
