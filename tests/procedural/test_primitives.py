"""Primitives: closed-form areas, points exactly on the surface, and uniformity by area against known fractions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pointlora.procedural.primitives import (
    Box,
    Capsule,
    Ellipsoid,
    Revolution,
    Torus,
    Tube,
    cylinder,
    frustum,
    rod,
)

COUNT = 20_000
# Four standard deviations of a fraction of 20,000 independent points are at most 0.0142.
TOLERANCE = 0.0145


def sample(primitive, count=COUNT):
    return primitive.sample(np.random.default_rng(3), count)


def box_distance(p):
    excess = np.abs(p) - np.array([1.0, 0.5, 0.25])
    return np.abs(excess.max(axis=1))


SURFACES = {
    "box": (Box(2.0, 1.0, 0.5), 7.0, box_distance),
    "sphere": (Ellipsoid(2.0, 2.0, 2.0), 16 * math.pi, lambda p: np.linalg.norm(p, axis=1) - 2.0),
    "ellipsoid": (Ellipsoid(3.0, 1.0, 2.0), 48.882, lambda p: ((p / [3.0, 1.0, 2.0]) ** 2).sum(axis=1) - 1.0),
    "capsule": (
        Capsule(0.5, 2.0),
        3 * math.pi,
        lambda p: np.hypot(np.hypot(p[:, 0], p[:, 1]), np.maximum(np.abs(p[:, 2]) - 1.0, 0.0)) - 0.5,
    ),
    "torus": (
        Torus(2.0, 0.5),
        4 * math.pi**2,
        lambda p: np.hypot(np.hypot(p[:, 0], p[:, 1]) - 2.0, p[:, 2]) - 0.5,
    ),
    "open cylinder": (
        cylinder(0.7, 2.0, closed=False),
        2.8 * math.pi,
        lambda p: np.hypot(p[:, 0], p[:, 1]) - 0.7,
    ),
    "cone": (
        frustum(1.0, 0.0, 2.0, closed=False),
        math.pi * math.sqrt(5.0),
        lambda p: np.hypot(p[:, 0], p[:, 1]) - (1.0 - p[:, 2] / 2.0),
    ),
}


@pytest.mark.parametrize("name", SURFACES)
def test_points_lie_on_the_surface_and_the_area_is_right(name):
    primitive, area, distance = SURFACES[name]
    points = sample(primitive, 2000)
    assert points.shape == (2000, 3)
    assert np.abs(distance(points)).max() < 1e-6
    assert primitive.area == pytest.approx(area, rel=0.011 if name == "ellipsoid" else 1e-9)


def test_box_faces_get_their_share():
    points = sample(Box(2.0, 1.0, 0.5))
    assert np.mean(np.abs(points[:, 2]) == 0.25) == pytest.approx(4.0 / 7.0, abs=TOLERANCE)
    assert np.mean(points[:, 0] == 1.0) == pytest.approx(0.5 / 7.0, abs=TOLERANCE)


def test_sphere_and_capsule_are_uniform_in_height():
    for primitive, half in ((Ellipsoid(2.0, 2.0, 2.0), 2.0), (Capsule(0.5, 2.0), 1.5)):
        histogram, _ = np.histogram(sample(primitive)[:, 2], bins=10, range=(-half, half))
        assert np.abs(histogram / COUNT - 0.1).max() < TOLERANCE


def test_ellipsoid_area_between_two_heights():
    # Prolate spheroid a = a = 1, c = 2: the exact share of |z| < 1 is an integral of sqrt(1 + 3 (1 - z^2/4) / 4 ...).
    z = np.linspace(0.0, 2.0, 200_001)
    ring = np.sqrt(1.0 - z**2 / 4.0 + z**2 / 16.0)
    expected = ring[z <= 1.0].sum() / ring.sum()
    assert np.mean(np.abs(sample(Ellipsoid(1.0, 1.0, 2.0))[:, 2]) < 1.0) == pytest.approx(expected, abs=TOLERANCE)


def test_torus_outer_half_is_larger():
    points = sample(Torus(2.0, 1.0))
    outer = np.mean(np.hypot(points[:, 0], points[:, 1]) > 2.0)
    assert outer == pytest.approx(0.5 + 1.0 / (2.0 * math.pi), abs=TOLERANCE)  # 1/2 + tube/(pi ring)


def test_torus_arc_stays_within_its_angles():
    points = sample(Torus(2.0, 0.1, arc=1.0, start=0.5), 1000)
    angle = np.arctan2(points[:, 1], points[:, 0])
    assert angle.min() > 0.5
    assert angle.max() < 1.5
    assert Torus(2.0, 0.1, arc=1.0).area == pytest.approx(0.4 * math.pi)


def test_cone_has_three_quarters_of_its_side_in_the_lower_half():
    points = sample(frustum(1.0, 0.0, 2.0, closed=False))
    assert np.mean(points[:, 2] < 1.0) == pytest.approx(0.75, abs=TOLERANCE)


def test_revolution_shares_points_between_segments_and_keeps_its_arc():
    disc_and_side = Revolution([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)], arc=math.pi)
    assert disc_and_side.area == pytest.approx(1.5 * math.pi)
    points = sample(disc_and_side)
    assert np.mean(points[:, 2] == 0.0) == pytest.approx(1.0 / 3.0, abs=TOLERANCE)
    assert points[:, 1].min() >= 0.0


def test_rod_matches_the_upright_cylinder_wherever_it_points():
    for end in ((0.0, 0.0, 2.0), (0.0, 0.0, -2.0), (1.2, -1.6, 0.0)):
        primitive = rod((0.0, 0.0, 0.0), end, 0.5)
        assert primitive.area == pytest.approx(cylinder(0.5, 2.0).area)
        along = sample(primitive) @ np.array(end) / 2.0
        assert along.min() == pytest.approx(0.0, abs=1e-9)
        assert along.max() == pytest.approx(2.0)
        assert np.mean(along < 1.0) == pytest.approx(0.5, abs=TOLERANCE)


def test_tube_points_keep_their_radius_from_the_path():
    tube = Tube([(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 2.0, 0.0)], 0.1, closed=False)
    points = sample(tube)
    first = np.hypot(points[:, 1], points[:, 2])
    second = np.hypot(points[:, 0] - 1.0, points[:, 2])
    assert np.minimum(np.abs(first - 0.1), np.abs(second - 0.1)).max() < 1e-6
    assert np.mean(np.abs(second - 0.1) < 1e-9) == pytest.approx(2.0 / 3.0, abs=TOLERANCE)
