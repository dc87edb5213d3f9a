"""Sampling by area: statistics, degenerate triangles, seeds."""

from __future__ import annotations

import numpy as np
import pytest

from pointlora.data.files.mesh_sampling import sample_mesh, triangle_areas


def test_areas() -> None:
    vertices = np.array([[0, 0, 0], [3, 0, 0], [0, 4, 0], [0, 0, 2]], dtype=np.float32)
    areas = triangle_areas(vertices, np.array([[0, 1, 2], [0, 1, 3], [0, 0, 1]]))
    np.testing.assert_allclose(areas, [6, 3, 0])


def test_share_of_points_is_the_share_of_area() -> None:
    # Triangles in the planes z = 0..3 of area 0.5, 2, 0 (degenerate) and 4.5.
    sides = [1.0, 2.0, 0.0, 3.0]
    vertices = np.array([[[0, 0, z], [side, 0, z], [0, side, z]] for z, side in enumerate(sides)]).reshape(-1, 3)
    number = 70_000
    points = sample_mesh(vertices, np.arange(12).reshape(4, 3), number, seed=1)
    shares = np.array([(points[:, 2] == z).mean() for z in range(4)])
    expected = np.array([0.5, 2.0, 0.0, 4.5]) / 7
    deviation = np.sqrt(expected * (1 - expected) / number)
    assert (np.abs(shares - expected) <= 4 * deviation).all()
    assert shares.sum() == 1


def test_uniform_inside_a_triangle() -> None:
    points = sample_mesh(np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.array([[0, 1, 2]]), 40_000, seed=0)
    assert (points >= 0).all()
    assert (points[:, :2].sum(axis=1) <= 1 + 1e-12).all()
    np.testing.assert_allclose(points.mean(axis=0), [1 / 3, 1 / 3, 0], atol=0.005)
    # The corner triangle cut off at half height holds a quarter of the area, at each corner.
    corners = [points[:, 0] + points[:, 1] < 0.5, points[:, 0] > 0.5, points[:, 1] > 0.5]
    np.testing.assert_allclose([corner.mean() for corner in corners], 0.25, atol=0.01)


def test_same_seed_same_points() -> None:
    vertices = np.random.default_rng([5]).random((9, 3))
    faces = np.arange(9).reshape(3, 3)
    first = sample_mesh(vertices, faces, 100, seed=2)
    np.testing.assert_array_equal(first, sample_mesh(vertices, faces, 100, seed=2))
    assert not np.array_equal(first, sample_mesh(vertices, faces, 100, seed=3))


def test_no_area() -> None:
    with pytest.raises(ValueError, match="area"):
        sample_mesh(np.zeros((3, 3)), np.array([[0, 1, 2]]), 10, seed=0)
