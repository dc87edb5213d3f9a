"""PCD: the three encodings, fields and headers."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
def test_fields_of_every_encoding(tmp_path: Path, encoding: str) -> None:
    cloud = read_point_cloud(samples.write(tmp_path, "a.pcd", samples.pcd(encoding)))
    assert list(cloud.attributes) == ["colors", "labels", "pair"]
    np.testing.assert_array_equal(cloud.attributes["colors"], samples.COLORS)
    np.testing.assert_array_equal(cloud.attributes["labels"], samples.LABELS)
    assert cloud.attributes["labels"].dtype == np.int64
    np.testing.assert_array_equal(cloud.attributes["pair"], samples.pcd_pairs())
    assert cloud.attributes["pair"].dtype == np.int16


def test_normals_and_double_coordinates(tmp_path: Path) -> None:
    header = (
        "FIELDS x y z normal_x normal_y normal_z intensity\nSIZE 8 8 8 4 4 4 4\nTYPE F F F F F F F\n"
        "WIDTH 1\nHEIGHT 2\nPOINTS 2\nDATA binary\n"
    )
    body = b"".join(struct.pack("<3d4f", 4e6 + i, 5e6, 0.25 * i, 0, 0, 1, 0.5 + i) for i in range(2))
    cloud = read_point_cloud(samples.write(tmp_path, "a.pcd", header.encode() + body))
    # 4000001 is exact in float32, so nothing is gained by a shift.
    assert not cloud.offset.any()
    np.testing.assert_array_equal(cloud.points, [[4e6, 5e6, 0], [4e6 + 1, 5e6, 0.25]])
    np.testing.assert_array_equal(cloud.attributes["normals"], [[0, 0, 1]] * 2)
    np.testing.assert_array_equal(cloud.attributes["intensity"], np.array([0.5, 1.5], dtype=np.float32))


def replaced(encoding: str, old: str, new: str) -> bytes:
    raw = samples.pcd(encoding)
    assert old.encode() in raw
    return raw.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("POINTS 5", "POINTS 1000000000000", "5 x 1"),
        ("WIDTH 5\nHEIGHT 1", "WIDTH 4\nHEIGHT 1", "4 x 1"),
        ("FIELDS x y", "FIELDS x q", "needs the fields x y z"),
        ("FIELDS x y", "FIELDS x x", "declared twice"),
        ("SIZE 4 4", "SIZE 3 4", "type F3"),
        ("TYPE F F F U F U I", "TYPE F F F U F U", "not valid"),
        ("COUNT 1 1 1 1 1 1 2", "COUNT 1 1 1 1 1 1 -2", "count -2"),
        ("POINTS 5\n", "", "not valid"),
        ("DATA binary", "DATA zipped", "unknown DATA"),
        ("DATA binary\n", "", "no line DATA"),
    ],
)
def test_headers_that_make_no_sense(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_point_cloud(samples.write(tmp_path, "a.pcd", replaced("binary", old, new)))


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
@pytest.mark.parametrize("number", [1, 4, 6, 10**12])
def test_counts_that_lie(tmp_path: Path, encoding: str, number: int) -> None:
    raw = samples.pcd(encoding).replace(b"WIDTH 5", f"WIDTH {number}".encode())
    raw = raw.replace(b"POINTS 5", f"POINTS {number}".encode())
    with pytest.raises(DataError):
        read_point_cloud(samples.write(tmp_path, "a.pcd", raw))


@pytest.mark.parametrize("encoding", ["ascii", "binary", "binary_compressed"])
@pytest.mark.parametrize(
    "changes",
    [
        [("FIELDS", "COLUMNS")],
        [("FIELDS x y z", "FIELDS X Y Z")],
        [("FIELDS x y z", "FIELDS z y x")],
        [("TYPE F F F U F U I", "TYPE f f f u f u i")],
        [("FIELDS", "fields"), ("TYPE", "type"), ("DATA", "data")],
        [("VERSION 0.7\n", ""), ("VIEWPOINT 0 0 0 1 0 0 0\n", "")],
        [("WIDTH 5\nHEIGHT 1\n", "")],
        [("VERSION 0.7", "VERSION .5 "), ("v0.7", "v.5")],
        [("# .PCD", "# Höhe .PCD")],
        [("POINTS 5", "POINTS  5  \r")],
    ],
)
def test_headers_of_other_times_and_programs(tmp_path: Path, encoding: str, changes: list[tuple[str, str]]) -> None:
    raw = samples.pcd(encoding)
    for old, new in changes:
        assert old.encode() in raw
        raw = raw.replace(old.encode(), new.encode("latin-1"), 1)
    cloud = read_point_cloud(samples.write(tmp_path, "a.pcd", raw))
    wanted = samples.POINTS[:, ::-1] if "z y x" in changes[0][1] else samples.POINTS
    np.testing.assert_array_equal(cloud.points, wanted)
    np.testing.assert_array_equal(cloud.attributes["colors"], samples.COLORS)


@pytest.mark.parametrize("encoding", ["ascii", "binary"])
def test_an_organised_cloud_with_holes(tmp_path: Path, encoding: str) -> None:
    points = np.random.default_rng([2]).normal(size=(40, 3)).astype(np.float32)
    points[::3] = np.nan
    header = f"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 8\nHEIGHT 5\nPOINTS 40\nDATA {encoding}\n".encode()
    body = (
        points.tobytes()
        if encoding == "binary"
        else "".join(f"{x!r} {y!r} {z!r}\n" for x, y, z in points.tolist()).encode()
    )
    cloud = read_point_cloud(samples.write(tmp_path, "a.pcd", header + body))
    kept = np.flatnonzero(np.arange(40) % 3)
    np.testing.assert_array_equal(cloud.points, points[kept])
    np.testing.assert_array_equal(cloud.kept_rows, kept)
    assert (cloud.num_dropped, cloud.file_rows) == (14, 40)
