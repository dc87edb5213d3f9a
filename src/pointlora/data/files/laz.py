"""Checks of LAZ files: their decompressor allocates what the file declares, chunk by chunk."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from pointlora.data.files.limits import check_declared, damaged, data_error

LASZIP_RECORD = (b"laszip encoded", 22204)
# Equal points compress to about 150 a byte (measured with lazrs); twice that is no real scan.
_MAX_POINTS_A_BYTE = 300
_CHUNKED, _VARIABLE_CHUNKS = 2, 0xFFFFFFFF
_LAYERED = 3
# Item type -> number of layers; type 14 (extra bytes) has one a byte.
_LAYERS = {10: 9, 11: 1, 12: 2, 13: 1}
_EXTRA_BYTES = 14
# Item type -> bytes of it; 0 and 14 are any number of extra bytes.
_ITEM_BYTES = {6: 20, 7: 8, 8: 6, 9: 29, 10: 30, 11: 6, 12: 8, 13: 29}
REWRITE = "rewrite it with a newer program, e.g. laszip or pdal"


def check_laz(
    path: Path, file: BinaryIO, size: int, data_start: int, num_points: int, point_bytes: int, record: bytes
) -> None:
    """Compare everything that lazrs allocates by with the bytes of the file.

    Args:
        path: the file, for messages.
        file: the same, open.
        size: its bytes.
        data_start: where the points start, from the LAS header.
        num_points: from the LAS header.
        point_bytes: bytes of an unpacked point, from the LAS header.
        record: content of the record "laszip encoded" (LASzip specification, section 3).

    Raises:
        DataError: a false point count, chunk table, item list or layer size.
    """
    check_declared(path, "points", num_points, 1, (size - data_start) * _MAX_POINTS_A_BYTE)
    layers = _count_layers(path, record, point_bytes)
    file.seek(data_start)
    table = int.from_bytes(file.read(8), "little", signed=True)
    if table == -1:
        file.seek(size - 8)
        table = int.from_bytes(file.read(8), "little", signed=True)
    if not data_start + 8 <= table <= size - 8:
        raise damaged(path, f"its chunk table is said to be at byte {table}, the file has {size} bytes")
    file.seek(table + 4)
    # Each chunk starts with one point that is not compressed.
    number = int.from_bytes(file.read(4), "little")
    check_declared(path, "chunks", number, point_bytes, table - data_start)
    chunk_points = int.from_bytes(record[12:16], "little")
    # Some writers close with an empty chunk.
    if chunk_points != _VARIABLE_CHUNKS and -(-num_points // max(chunk_points, 1)) not in (number, number - 1):
        raise damaged(path, f"{num_points} points in chunks of {chunk_points} don't make {number} chunks")
    if layers:
        held = _check_layers(path, file, data_start + 8, table, number, point_bytes, layers)
        if held != num_points:
            raise damaged(path, f"the header declares {num_points} points, its chunks {held}")


def _count_layers(path: Path, record: bytes, point_bytes: int) -> int:
    """Return the number of layers of a chunk, 0 for the older codec that has none."""
    if len(record) < 34:
        raise damaged(path, "has no record 'laszip encoded', which a LAZ file needs")
    (compressor,), (number,) = struct.unpack_from("<H", record), struct.unpack_from("<H", record, 32)
    if number == 0 or len(record) < 34 + 6 * number:
        raise damaged(path, f"declares {number} compressed items in a record of {len(record)} bytes")
    items = [struct.unpack_from("<HHH", record, 34 + 6 * index) for index in range(number)]
    for kind, size, _ in items:
        # lazrs goes by the type, and panics.
        if kind not in (0, _EXTRA_BYTES, *_ITEM_BYTES):
            raise data_error(path, f"is packed with items of type {kind}, which lazrs doesn't know", REWRITE)
        if _ITEM_BYTES.get(kind, size) != size:
            raise damaged(path, f"declares a compressed item of type {kind} with {size} bytes")
    if sum(size for _, size, _ in items) != point_bytes:
        raise damaged(path, f"its compressed items don't add up to points of {point_bytes} bytes")
    if compressor not in (_CHUNKED, _LAYERED):
        raise data_error(path, f"is packed by LASzip's method {compressor}", REWRITE)
    if compressor == _CHUNKED:
        return 0
    return sum(size if kind == _EXTRA_BYTES else _LAYERS.get(kind, 0) for kind, size, _ in items)


def _check_layers(path: Path, file: BinaryIO, start: int, end: int, number: int, point_bytes: int, layers: int) -> int:
    """Walk over the chunks: one plain point, the number of points, the size of each layer, then the layers.

    Returns:
        the number of points in all of them.
    """
    position, held = start, 0
    for index in range(number):
        file.seek(position + point_bytes)
        held += int.from_bytes(file.read(4), "little")
        sizes = file.read(4 * layers)
        position += point_bytes + 4 + 4 * layers
        if len(sizes) == 4 * layers:
            position += sum(struct.unpack(f"<{layers}I", sizes))
        if position > end:
            raise damaged(path, f"chunk {index} of {number} reaches to byte {position}, the points end at {end}")
    return held
