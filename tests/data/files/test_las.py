"""LAS: dimensions, map coordinates, headers that lie."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError


@pytest.mark.parametrize("suffix", [".las", ".laz"])
@pytest.mark.parametrize("point_format", [0, 3, 6, 7])
def test_dimensions(tmp_path: Path, suffix: str, point_format: int) -> None:
    path = samples.write(tmp_path, f"a{suffix}", samples.las(suffix, point_format=point_format))
    attributes = read_point_cloud(path).attributes
    np.testing.assert_array_equal(attributes["labels"], samples.LABELS)
    np.testing.assert_array_equal(attributes["intensity"], np.arange(5) * 100)
    assert attributes["intensity"].dtype == np.uint16
    assert ("colors" in attributes) == (point_format in (3, 7))
    if "colors" in attributes:
        np.testing.assert_array_equal(attributes["colors"], samples.COLORS)


@pytest.mark.parametrize("suffix", [".las", ".laz"])
def test_map_coordinates_keep_millimetres(tmp_path: Path, suffix: str) -> None:
    far = samples.POINTS.astype(np.float64) + np.array([452_000.123, 5_411_000.457, 230.0])
    path = samples.write(tmp_path, f"a{suffix}", samples.las(suffix, far))
    cloud = read_point_cloud(path)
    np.testing.assert_allclose(cloud.points + cloud.offset, far, atol=0.0006)
    # Heights of 230 m are near enough to the origin as they are.
    np.testing.assert_allclose(cloud.offset, [*far.mean(axis=0)[:2], 0], atol=0.0006)


def forged(position: int, form: str, value: int) -> bytes:
    raw = bytearray(samples.las(".las"))
    struct.pack_into(form, raw, position, value)
    return bytes(raw)


@pytest.mark.parametrize(
    ("position", "form", "value", "words"),
    [
        (107, "<I", 2**32 - 1, "declares 4294967295 points"),
        (107, "<I", 6, "declares 6 points"),
        (107, "<I", 4, "34 bytes follow"),
        (100, "<I", 2**32 - 1, "variable-length records"),
        (96, "<I", 2**32 - 1, "from byte 4294967295 on"),
        (94, "<H", 65535, "a header of 65535 bytes"),
        (105, "<H", 0, "points of 0 bytes"),
        (25, "<B", 9, "LAS version 1.9"),
    ],
)
def test_headers_that_lie_cost_nothing(tmp_path: Path, position: int, form: str, value: int, words: str) -> None:
    path = samples.write(tmp_path, "a.las", forged(position, form, value))
    tracemalloc.start()
    with pytest.raises(DataError, match=words):
        read_point_cloud(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_record_that_reaches_into_the_points(tmp_path: Path) -> None:
    raw = bytearray(samples.las(".laz"))
    start = struct.unpack_from("<H", raw, 94)[0]
    struct.pack_into("<H", raw, start + 20, 65535)
    with pytest.raises(DataError, match="reaches into the points"):
        read_point_cloud(samples.write(tmp_path, "a.laz", bytes(raw)))


def test_no_points(tmp_path: Path) -> None:
    raw = samples.las(".las")[:227]
    raw = raw[:107] + bytes(4) + raw[111:]
    with pytest.raises(DataError, match="no points"):
        read_point_cloud(samples.write(tmp_path, "a.las", raw))
