"""LAZ: several chunks, and chunk tables and layers that lie."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError

# Point formats of the older codec and of the layered one.
FORMATS = [3, 7]


def data_start(raw: bytes) -> int:
    return int.from_bytes(raw[96:100], "little")


@pytest.mark.parametrize("point_format", FORMATS)
def test_several_chunks(tmp_path: Path, point_format: int) -> None:
    grid = np.arange(120_000 * 3, dtype=np.float64).reshape(-1, 3) % 1009
    raw = samples.las(".laz", grid, point_format, scale=0.5)
    cloud = read_point_cloud(samples.write(tmp_path, "a.laz", raw))
    np.testing.assert_array_equal(cloud.points, grid)
    # Cut inside the first chunk, with the chunk table put back: the walk over the chunks or lazrs must notice.
    start = data_start(raw)
    table = int.from_bytes(raw[start : start + 8], "little")
    shorter = table - 20_000
    cut = raw[:start] + shorter.to_bytes(8, "little") + raw[start + 8 : shorter] + raw[table:]
    with pytest.raises(DataError):
        read_point_cloud(samples.write(tmp_path, "b.laz", cut))


@pytest.mark.parametrize("point_format", FORMATS)
def test_chunk_table_that_lies(tmp_path: Path, point_format: int) -> None:
    raw = samples.las(".laz", point_format=point_format)
    start = data_start(raw)
    table = int.from_bytes(raw[start : start + 8], "little")
    many = raw[: table + 4] + b"\xff" * 4 + raw[table + 8 :]
    with pytest.raises(DataError, match="declares 4294967295 chunks"):
        read_point_cloud(samples.write(tmp_path, "a.laz", many))
    far = raw[:start] + struct.pack("<q", 2**60) + raw[start + 8 :]
    with pytest.raises(DataError, match="chunk table is said to be at byte"):
        read_point_cloud(samples.write(tmp_path, "a.laz", far))


def test_layer_size_that_lies(tmp_path: Path) -> None:
    raw = bytearray(samples.las(".laz", point_format=7))
    first_layer = data_start(raw) + 8 + 36 + 4
    struct.pack_into("<I", raw, first_layer, 2**32 - 1)
    with pytest.raises(DataError, match="chunk 0 of 1 reaches to byte"):
        read_point_cloud(samples.write(tmp_path, "a.laz", bytes(raw)))


@pytest.mark.parametrize("point_format", FORMATS)
def test_items_that_lie(tmp_path: Path, point_format: int) -> None:
    raw = bytearray(samples.las(".laz", point_format=point_format))
    record = raw.index(b"laszip encoded") - 2 + 54
    for offset, value, words in (
        (32, 0, "0 compressed items"),
        (32, 900, "900 compressed"),
        (36, 9, "of type (6|10) with 9 bytes"),
    ):
        forged = bytearray(raw)
        struct.pack_into("<H", forged, record + offset, value)
        with pytest.raises(DataError, match=words):
            read_point_cloud(samples.write(tmp_path, "a.laz", bytes(forged)))


def test_point_count_beyond_any_compression(tmp_path: Path) -> None:
    raw = bytearray(samples.las(".laz"))
    struct.pack_into("<I", raw, 107, 400_000_000)
    with pytest.raises(DataError, match="declares 400000000 points"):
        read_point_cloud(samples.write(tmp_path, "a.laz", bytes(raw)))


@pytest.mark.parametrize("point_format", FORMATS)
@pytest.mark.parametrize(
    ("offset", "value", "words"),
    [
        (0, 1, "is packed by LASzip's method 1; rewrite it with a newer program"),
        (34, 99, "items of type 99, which lazrs doesn't know; rewrite it"),
        (38, 7, "compression version: 7 is not supported.*; rewrite it"),
    ],
)
def test_what_is_not_supported_is_not_called_damaged(
    tmp_path: Path, point_format: int, offset: int, value: int, words: str
) -> None:
    raw = bytearray(samples.las(".laz", point_format=point_format))
    record = raw.index(b"laszip encoded") - 2 + 54
    struct.pack_into("<H", raw, record + offset, value)
    with pytest.raises(DataError, match=words) as caught:
        read_point_cloud(samples.write(tmp_path, "a.laz", bytes(raw)))
    assert "damaged" not in str(caught.value)
