"""PTX: scans placed by their matrices, rows without a point, headers that lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError

# A quarter turn about z, then a move: x -> y, y -> -x.
MATRIX = np.array([[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [100, 200, 300, 1.0]])


def test_several_scans_in_one_system(tmp_path: Path) -> None:
    content = samples.ptx() + samples.ptx(MATRIX, missing=2).replace(b"\n", b"\r\n")
    cloud = read_point_cloud(samples.write(tmp_path, "a.ptx", content))
    x, y, z = samples.POINTS.T
    np.testing.assert_array_equal(cloud.points[:5], samples.POINTS)
    np.testing.assert_array_equal(cloud.points[5:], np.stack([100 - y, 200 + x, 300 + z], axis=1))
    assert (cloud.file_rows, cloud.num_dropped) == (13, 3)
    np.testing.assert_array_equal(cloud.kept_rows, [0, 1, 2, 3, 4, 6, 7, 8, 9, 10])
    np.testing.assert_array_equal(cloud.attributes["colors"], np.tile(samples.COLORS, (2, 1)))
    np.testing.assert_array_equal(cloud.columns["intensity"], np.tile(np.arange(5) / 8, 2))
    assert "3 of 13 points have no coordinates" in cloud.warnings[0]


def test_map_coordinates_of_a_matrix_keep_their_digits(tmp_path: Path) -> None:
    matrix = np.eye(4)
    matrix[3, :3] = 500_000.125, 5_400_000.25, 300
    raw = samples.ptx(matrix).replace(b"5.4e+06", b"5400000.25").replace(b"500000 ", b"500000.125 ")
    cloud = read_point_cloud(samples.write(tmp_path, "a.ptx", raw))
    move = np.array([500_000.125, 5_400_000.25, 300])
    np.testing.assert_array_equal(cloud.original(), samples.POINTS + move)


@pytest.mark.parametrize("width", [3, 4])
def test_fewer_columns(tmp_path: Path, width: int) -> None:
    lines = samples.ptx().decode().splitlines()
    rows = [" ".join(line.split()[:width]) for line in lines[10:]]
    content = "\n".join([*lines[:10], *rows]).encode()
    cloud = read_point_cloud(samples.write(tmp_path, "a.ptx", content))
    np.testing.assert_array_equal(cloud.points, samples.POINTS)
    assert list(cloud.columns) == ["intensity"][: width - 3]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"1\n6\n", b"1\n7\n", "declares 7 points, 6 lines"),
        (b"1\n6\n", b"1\n5\n", "line 16 is not the number of columns of a PTX scan"),
        (b"1\n6\n", b"1000000\n1000000\n", "declares 1000000000000 points"),
        (b"1\n6\n", b"0\n6\n", "without points"),
        (b"1\n6\n", b"x\n6\n", "line 1 is not the number of columns"),
        (b"0 0 0\n", b"0 0\n", "columns, not 2"),
        (b"8.5 0.25 ", b"8.5 bright ", "where a number should be"),
    ],
)
def test_errors(tmp_path: Path, old: bytes, new: bytes, words: str) -> None:
    raw = samples.ptx()
    assert old in raw
    with pytest.raises(DataError, match=words):
        read_point_cloud(samples.write(tmp_path, "a.ptx", raw.replace(old, new, 1)))
