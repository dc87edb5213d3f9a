"""Hidden points: what a camera sees of a sphere and of two plates, one behind the other."""

from __future__ import annotations

import numpy as np
import pytest

from pointlora.procedural.primitives import Box, Ellipsoid
from pointlora.procedural.visibility import visible


@pytest.mark.parametrize("direction", [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.6, -0.5, 0.62)])
def test_the_far_side_of_a_sphere_is_hidden(direction):
    points = Ellipsoid(1.0, 1.0, 1.0).sample(np.random.default_rng(0), 6000)
    viewpoint = 3.0 * np.array(direction) / np.linalg.norm(direction)
    seen = visible(points, viewpoint, 0.08)
    facing = ((viewpoint - points) * points).sum(axis=1)  # the normal of a unit sphere is the point itself
    assert seen[facing < -1.0].mean() < 0.03  # the hemisphere turned away
    assert seen[facing > 1.2].mean() > 0.97


def test_a_plate_hides_only_what_is_behind_it():
    rng = np.random.default_rng(1)
    near = Box(0.0, 1.0, 1.0).sample(rng, 3000) + np.array([1.0, 0.0, 0.0])
    far = Box(0.0, 4.0, 1.0).sample(rng, 3000) + np.array([-1.0, 0.0, 0.0])
    seen = visible(np.concatenate([near, far]), np.array([4.0, 0.0, 0.0]), 0.1)
    assert seen[:3000].mean() > 0.98
    shadow = np.abs(far[:, 1]) < 0.75  # the near plate's edge at y = 0.5 is cast to y = 0.83
    assert seen[3000:][shadow].mean() < 0.05
    assert seen[3000:][np.abs(far[:, 1]) > 1.3].mean() > 0.98


def test_a_large_tolerance_sees_everything():
    points = Ellipsoid(1.0, 1.0, 1.0).sample(np.random.default_rng(2), 500)
    assert visible(points, np.array([3.0, 0.0, 0.0]), 10.0).all()


def test_few_or_coinciding_points_are_visible():
    assert visible(np.zeros((1, 3)), np.array([0.0, 0.0, 3.0]), 0.1).tolist() == [True]
    assert visible(np.zeros((4, 3)), np.array([3.0, 0.0, 0.0]), 0.1).all()
