"""Checks of coordinates, the shift that keeps precision, and labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pointlora.data.files.point_cloud import as_labels, build_cloud
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
