"""A bank of clouds in one file, written whole or not at all, and read by a memory map.

| part | content |
| --- | --- |
| header | 1024 bytes: magic, then one line of JSON with its own CRC-32, padded with zeros |
| labels | (size,) little-endian int16 |
| points | (size, num_points, 3) little-endian float16 |

The header holds the CRC-32 of both parts and the description of what the bank was made from.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO
from zlib import crc32

import numpy as np

from pointlora.atomic import write_atomically
from pointlora.errors import DataError, ShapeError

MAGIC = b"pointlora bank 1\n"
HEADER = 1024
_PART = 1 << 24


def save_bank(path: str | os.PathLike[str], points: np.ndarray, labels: np.ndarray, description: str = "") -> Path:
    """Write a bank; an interrupt leaves no file, or the old one.

    Args:
        path: the file; its folder must exist.
        points: (size, num_points, 3) float16.
        labels: (size,) int16.
        description: of what they were made from, see `BankSettings.description`; `open_bank` can ask for it.

    Returns:
        `path` as a Path.

    Raises:
        ShapeError: for other shapes or dtypes, or no cloud.
        OSError: if the disk is full.
    """
    good = points.ndim == 3 and points.shape[2] == 3 and points.size and labels.shape == points.shape[:1]
    if not good or points.dtype != np.float16 or labels.dtype != np.int16:
        raise ShapeError(
            f"a bank is (size, num_points, 3) float16 points with (size,) int16 labels, got {points.shape} "
            f"{points.dtype} with {labels.shape} {labels.dtype}"
        )

    def write(file: BinaryIO) -> None:
        file.write(bytes(HEADER))
        parts = [np.ascontiguousarray(labels, dtype="<i2"), np.ascontiguousarray(points, dtype="<f2")]
        sums = []
        for part in parts:
            view = part.data.cast("B")
            file.write(view)
            sums.append(crc32(view))
        header = {
            "shape": list(points.shape),
            "labels": sums[0],
            "points": sums[1],
            "made_from": crc32(description.encode()),
        }
        line = json.dumps(header).encode()
        file.seek(0)
        file.write((MAGIC + f"{crc32(line):08x} ".encode() + line + b"\n").ljust(HEADER, b"\0"))

    return write_atomically(path, write)


def open_bank(
    path: str | os.PathLike[str], description: str | None = None, verify: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Open a bank by a memory map; processes that open the same file share its memory.

    Args:
        path: the file.
        description: what it must have been made from; None takes any.
        verify: read all of it once and compare its checksum (about a second per GB).

    Returns:
        points (size, num_points, 3) float16, mapped and read-only, and labels (size,) int16.

    Raises:
        FileNotFoundError: if there is none.
        DataError: if it is damaged, of another kind, or made from something else.
    """
    path = Path(path)
    with open(path, "rb") as file:
        header = _header(file.read(HEADER), path)
        shape = tuple(header["shape"])
        size = HEADER + 2 * shape[0] + 2 * int(np.prod(shape))
        if os.fstat(file.fileno()).st_size != size:
            raise DataError(f"{path}: has {os.fstat(file.fileno()).st_size} bytes, not {size}: delete it")
        if description is not None and header["made_from"] != crc32(description.encode()):
            raise DataError(f"{path}: was made with other settings or by another version: delete it")
        content = file.read(2 * shape[0])
        if crc32(content) != header["labels"]:
            raise DataError(f"{path}: its labels are damaged: delete it")
        if verify:
            found = 0
            while part := file.read(_PART):
                found = crc32(part, found)
            if found != header["points"]:
                raise DataError(f"{path}: its points are damaged: delete it")
    points = np.memmap(path, dtype="<f2", mode="r", offset=HEADER + len(content), shape=shape)
    return points, np.frombuffer(content, dtype="<i2").astype(np.int16)


def _header(content: bytes, path: Path) -> dict[str, Any]:
    if not content.startswith(MAGIC):
        raise DataError(f"{path}: isn't a bank of clouds")
    checksum, _, line = content[len(MAGIC) :].rstrip(b"\0").removesuffix(b"\n").partition(b" ")
    if len(content) != HEADER or checksum != f"{crc32(line):08x}".encode():
        raise DataError(f"{path}: its header is damaged: delete it")
    header: dict[str, Any] = json.loads(line)
    return header
