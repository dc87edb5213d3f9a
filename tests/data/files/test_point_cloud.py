"""Checks of coordinates, the shift that keeps precision, and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.data.files.labels import as_labels
from pointlora.data.files.point_cloud import build_cloud
from pointlora.errors import DataError

PATH = Path("cloud.xyz")


def test_far_float64_cloud_is_shifted_to_its_centroid() -> None:
    shape = np.array([[0.001, 0.0, 0.0], [0.0, 0.002, 0.0], [0.0, 0.0, 0.003], [1.0, 1.0, 1.0]])
    far = shape + np.array([4.5e5, 5.6e6, 120.0])
    cloud = build_cloud(PATH, far)
    np.testing.assert_array_equal(cloud.offset, far.mean(axis=0))
    assert cloud.offset.dtype == np.float64
    # float32 alone would be off by up to 0.25 at 5.6e6.
    np.testing.assert_allclose(cloud.points + cloud.offset, far, atol=1e-6)


def test_near_cloud_is_not_shifted() -> None:
    near = np.array([[0.1, 600.2, 900.3], [1000.1, 0.0, 0.0]]) + 5000.0
    cloud = build_cloud(PATH, near)
    np.testing.assert_array_equal(cloud.offset, np.zeros(3))
    np.testing.assert_array_equal(cloud.points, near.astype(np.float32))


def test_float32_comes_back_bit_for_bit_however_far() -> None:
    far = np.array([[5.6e6, -0.0, 1.0], [5600000.5, 0.5, 1.5]], dtype=np.float32)
    cloud = build_cloud(PATH, far)
    assert cloud.points.tobytes() == far.tobytes()
    assert not cloud.offset.any()
    assert build_cloud(PATH, np.array([[7, 8, 9]])).points.tolist() == [[7.0, 8.0, 9.0]]


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros((0, 3)), "no points"),
        (np.zeros((4, 2)), r"shape \(4, 2\)"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((2, 3), dtype=complex), "complex128"),
        (np.array([[0, 0, np.inf], [0, 0, np.nan]]), "1 of 2 points.*index 0"),
        (np.array([[0, 0, np.nan], [np.nan, 0, 0]]), "all of its 2 points are NaN"),
        (np.array([[0, 0, 1e300], [0, 0, 0]]), "3.4e38"),
    ],
)
def test_bad_coordinates(points: np.ndarray, words: str) -> None:
    with pytest.raises(DataError, match=words):
        build_cloud(PATH, points)


def test_attribute_of_another_length() -> None:
    with pytest.raises(DataError, match="'labels' has shape"):
        build_cloud(PATH, np.ones((3, 3)), {"labels": np.zeros(2, dtype=np.int64)})


def test_labels_are_whole_numbers() -> None:
    labels = as_labels(np.array([1.0, -2.0, 3.0], dtype=np.float32))
    assert labels is not None
    assert labels.dtype == np.int64
    assert labels.tolist() == [1, -2, 3]
    column = as_labels(np.array([[5], [6]], dtype=np.uint8))
    assert column is not None
    assert column.tolist() == [5, 6]
    for values in (np.array([0.5]), np.array([np.nan]), np.array([np.inf]), np.array(["a"]), np.zeros((2, 2))):
        assert as_labels(values) is None
    assert as_labels(np.array([2**64 - 1], dtype=np.uint64)) is None


def test_each_axis_is_shifted_by_what_it_needs() -> None:
    random = np.random.default_rng([4])
    # A corridor along east: 2000 m x 12 m, 10 m high, in map coordinates with millimetres.
    corridor = np.round(random.random((4000, 3)) * [2000, 12, 10] + [500_000, 5_400_000, 300], 3)
    cloud = build_cloud(PATH, corridor)
    assert (cloud.offset != 0).tolist() == [True, True, True]
    exact = [len(np.unique(corridor[:, axis])) for axis in range(3)]
    assert [len(np.unique(cloud.points[:, axis])) for axis in range(3)] == exact
    extents = np.ptp(corridor, axis=0)
    assert (np.abs(cloud.points + cloud.offset - corridor).max(axis=0) <= 1e-6 * extents).all()
    np.testing.assert_array_equal(cloud.original(), corridor)


@pytest.mark.parametrize(
    ("distance", "shifted"), [(0.0, False), (1.0, False), (10.0, False), (40.0, True), (1e7, True)]
)
def test_the_limit_is_a_millionth_of_the_extent(distance: float, shifted: bool) -> None:
    points = np.array([distance, 0, -distance]) + np.random.default_rng([5]).random((3000, 3))
    cloud = build_cloud(PATH, points)
    assert (cloud.offset != 0).tolist() == [shifted, False, shifted]
    assert np.abs(cloud.points + cloud.offset - points).max() <= 1e-6


def test_a_flat_axis_goes_by_the_longest_extent() -> None:
    flat = np.random.default_rng([6]).random((100, 3)) * [1000, 500, 0] + [0, 0, 312.123456789]
    assert not build_cloud(PATH, flat).offset.any()
    flat[:, 2] = 5_400_000.123456789
    cloud = build_cloud(PATH, flat)
    assert cloud.offset[2] == pytest.approx(5_400_000.123456789, abs=1e-8)
    assert not cloud.offset[:2].any()


@pytest.mark.parametrize("kind", [".las", ".laz"])
def test_scanner_integers_survive(tmp_path: Path, kind: str) -> None:
    import laspy

    random = np.random.default_rng([7])
    far = random.random((2000, 3)) * [1000, 1000, 50] + [500_000, 5_400_000, 0]
    path = samples.write(tmp_path, f"a{kind}", samples.las(kind, far))
    cloud = read_point_cloud(path)
    written = laspy.read(path)
    np.testing.assert_array_equal(cloud.original(), written.xyz)
    integers = np.round((cloud.original() - written.header.offsets) / written.header.scales)
    np.testing.assert_array_equal(integers, np.stack([written.X, written.Y, written.Z], axis=1))
    assert len(np.unique(cloud.points[:, 1])) == len(np.unique(written.Y))


def test_rows_without_a_point() -> None:
    points = np.array([[1, 2, np.nan], [4, 5, 6], [np.nan] * 3, [7, 8, 9]])
    cloud = build_cloud(PATH, points, {"label": np.array([1.0, 2, 3, 4]), "other": np.arange(4)})
    np.testing.assert_array_equal(cloud.points, [[4, 5, 6], [7, 8, 9]])
    assert cloud.kept_rows is not None
    assert (cloud.kept_rows.tolist(), cloud.num_dropped, cloud.file_rows) == ([1, 3], 2, 4)
    np.testing.assert_array_equal(cloud.attributes["other"], [1, 3])
    np.testing.assert_array_equal(cloud.columns["other"], [1, 3])
    assert cloud.labels is not None
    assert cloud.labels.tolist() == [2, 4]
    np.testing.assert_array_equal(cloud.original(), [[4, 5, 6], [7, 8, 9]])
    np.testing.assert_array_equal(cloud.spread(np.array([[1, 2], [3, 4]]), 0), [[0, 0], [1, 2], [0, 0], [3, 4]])
    whole = build_cloud(PATH, points[[1, 3]])
    assert (whole.kept_rows, whole.num_dropped, whole.file_rows) == (None, 0, 2)
