"""KITTI scans, and other files called .bin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError


def test_four_values_and_five(tmp_path: Path) -> None:
    cloud = read_point_cloud(samples.write_sample(tmp_path, "scan.bin"))
    np.testing.assert_array_equal(cloud.points, samples.POINTS)
    np.testing.assert_array_equal(cloud.columns["intensity"], np.arange(5, dtype=np.float32) / 4)
    rings = np.column_stack([samples.POINTS, np.arange(5) * 50, np.arange(5)]).astype("<f4")
    cloud = read_point_cloud(samples.write(tmp_path, "a.pcd.bin", rings.tobytes()))
    np.testing.assert_array_equal(cloud.points, samples.POINTS)
    np.testing.assert_array_equal(cloud.columns["ring"], np.arange(5))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (samples.kitti()[:-1], "79 bytes aren't a multiple of 16"),
        (bytes(320), "aren't coordinates and intensities"),
        (b"hello world, sixteen bytes each " * 10, "aren't coordinates and intensities"),
        (np.random.default_rng([0]).bytes(3200), "aren't coordinates and intensities"),
        (np.arange(400, dtype="<i4").tobytes(), "aren't coordinates and intensities"),
        (np.random.default_rng([0]).normal(size=400).astype("<f4").tobytes(), "aren't coordinates and intensities"),
        (np.random.default_rng([0]).normal(size=400).tobytes(), "aren't coordinates and intensities"),
        (bytes([255] * 320), "aren't coordinates and intensities"),
        (samples.npz(points=samples.POINTS).ljust(800, b"\0"), "aren't coordinates and intensities"),
    ],
)
def test_other_bytes_are_no_scan(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_point_cloud(samples.write(tmp_path, "a.bin", content))


def test_rows_without_a_point(tmp_path: Path) -> None:
    table = np.column_stack([samples.POINTS, np.arange(5)]).astype("<f4")
    table[[0, 3], :3] = np.nan
    cloud = read_point_cloud(samples.write(tmp_path, "a.bin", table.tobytes()))
    np.testing.assert_array_equal(cloud.points, samples.POINTS[[1, 2, 4]])
    np.testing.assert_array_equal(cloud.columns["intensity"], [1, 2, 4])
    assert (cloud.num_dropped, cloud.file_rows) == (2, 5)


def test_points_without_intensities_are_no_scan(tmp_path: Path) -> None:
    random = np.random.default_rng([3])
    points = random.uniform([100, 200, 300], [110, 210, 310], (40, 3)).astype("<f4")
    with pytest.raises(DataError, match="its values are x, y, z without intensities"):
        read_point_cloud(samples.write(tmp_path, "a.bin", points.tobytes()))
    scan = np.column_stack([random.uniform(-60, 60, (300, 2)), random.uniform(-2, 2, 300), random.random(300)])
    for shift in (0, 50):
        moved = (scan + np.array([shift, shift, 0, 0])).astype("<f4")
        cloud = read_point_cloud(samples.write(tmp_path, "b.bin", moved.tobytes()))
        np.testing.assert_array_equal(cloud.points, moved[:, :3])
