"""Warnings that name the file, and none for clouds that are as they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.data.files.doubts import cloud_warnings


def warnings_of(folder: Path, points: np.ndarray) -> tuple[str, ...]:
    np.save(folder / "a.npy", points)
    return read_point_cloud(folder / "a.npy").warnings


def cloud(number: int = 500) -> np.ndarray:
    return np.random.default_rng([number]).normal(size=(number, 3)) * [900, 30, 2] + [500_000, 5_400_000, 300]


def test_nothing_to_say(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, cloud()) == ()
    assert warnings_of(tmp_path, np.pad(cloud()[:, :2], ((0, 0), (0, 1)))) == ()
    # A scan is dense near the scanner and thin far away.
    random = np.random.default_rng([3])
    distance = 2 * np.exp(random.normal(size=5000))
    angle = random.random(5000) * 2 * np.pi
    assert warnings_of(tmp_path, np.stack([distance * np.cos(angle), distance * np.sin(angle), angle], 1)) == ()


def test_one_outlier_among_map_coordinates(tmp_path: Path) -> None:
    for number in (60, 500, 5000):
        points = cloud(number)
        points[17] = 0
        (line,) = warnings_of(tmp_path, points)
        assert line.startswith(f"{tmp_path / 'a.npy'}: 1 of {number} points lie far from the rest, e.g. (")
        example = [float(value) for value in line.partition("(")[2].partition(")")[0].split(",")]
        np.testing.assert_allclose(example, 0, atol=0.5)


def test_coincident_points(tmp_path: Path) -> None:
    points = np.repeat(cloud(100), 5, axis=0)
    assert warnings_of(tmp_path, points) == (f"{tmp_path / 'a.npy'}: its 500 points lie at only 100 different places",)
    assert "500 points lie at only 1 different places" in warnings_of(tmp_path, np.ones((500, 3)))[0]
    zeros = np.zeros((40, 3), np.float32)
    zeros[::2] *= -1
    assert "at only 1 different places" in warnings_of(tmp_path, zeros)[0]


def test_fewer_points_than_a_patch(tmp_path: Path) -> None:
    assert warnings_of(tmp_path, cloud(32)) == ()
    assert warnings_of(tmp_path, cloud(31)) == (f"{tmp_path / 'a.npy'}: has only 31 points, fewer than a patch of 32",)


@pytest.mark.parametrize("kind", ["npy", "xyz", "ply", "pcd"])
def test_dropped_rows_are_counted(tmp_path: Path, kind: str) -> None:
    points = np.random.default_rng([0]).normal(size=(100, 3)).astype(np.float32)
    points[[3, 50], 1] = np.nan
    points[99] = np.nan
    declarations = ["element vertex 100", *(f"property float {axis}" for axis in "xyz")]
    pcd = "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 10\nHEIGHT 10\nPOINTS 100\nDATA binary\n"
    content = {
        "npy": samples.npy(points),
        "xyz": samples.rows(points).encode(),
        "ply": samples.ply_header("binary_little_endian", *declarations) + points.tobytes(),
        "pcd": pcd.encode() + points.tobytes(),
    }[kind]
    read = read_point_cloud(samples.write(tmp_path, f"a.{kind}", content))
    assert (len(read), read.num_dropped, read.file_rows) == (97, 3, 100)
    assert read.warnings == (f"{read.path}: 3 of 100 points have no coordinates (NaN) and were left out",)
    np.testing.assert_array_equal(read.kept_rows, np.delete(np.arange(100), [3, 50, 99]))


def test_a_million_points_are_quick() -> None:
    points = np.random.default_rng([0]).normal(size=(1_000_000, 3)).astype(np.float32)
    assert cloud_warnings(Path("a"), points, np.zeros(3), 0, len(points)) == ()
