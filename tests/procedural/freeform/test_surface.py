"""Joined and cut surfaces: shares of points against areas in closed form, before and after they are moved and bent."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pointlora.procedural.assembly import turn
from pointlora.procedural.freeform.solids import ball, box, frustum, half_space
from pointlora.procedural.freeform.surface import Surface, carved, joined

COUNT = 20_000
TOLERANCE = 0.0145  # four standard deviations of a fraction


def sample(surface: Surface) -> np.ndarray:
    return surface.sample(np.random.default_rng(3), COUNT)


def test_a_union_shows_only_its_outside():
    """Two cubes of side 2, one moved by 1 along x: a block of 3 x 2 x 2."""
    points = sample(carved([box(2, 2, 2), box(2, 1.999, 1.999).at(1.0, 0.0, 0.0)]))
    assert points[:, 0].min() == pytest.approx(-1.0)
    assert points[:, 0].max() == pytest.approx(2.0)
    inside = (np.abs(points[:, 0] - 0.5) < 1.49) & (np.abs(points[:, 1:]).max(axis=1) < 0.99)
    assert not inside.any()
    assert np.mean(points[:, 0] == points[:, 0].min()) == pytest.approx(4.0 / 32.0, abs=TOLERANCE)


def test_a_hole_has_a_wall_and_no_lid():
    """A plate of 4 x 4 x 1 with a round hole of radius 1 through it; 24 sides stand for the circle."""
    points = sample(carved([box(4, 4, 1)], [frustum(2, 2, 3, sides=24)]))
    radius = np.hypot(points[:, 0], points[:, 1])
    assert radius.min() > math.cos(math.pi / 24) - 1e-9
    wall = 24 * 2.0 * math.sin(math.pi / 24)
    total = 2.0 * (16.0 - math.pi) + 16.0 + wall
    assert np.mean(radius < 1.0 + 1e-9) == pytest.approx(wall / total, abs=TOLERANCE)
    assert np.abs(points[:, 2]).max() <= 0.5


def test_what_lies_within_another_body_is_left_by_a_cut_with_its_outside():
    """A cube of side 2 within a ball of radius 1.2: six discs of radius sqrt(0.44) and the ball between them."""
    points = sample(carved([box(2, 2, 2)], [ball(2.4, 2.4, 2.4).outside()]))
    assert np.abs(points).max() <= 1.0 + 1e-9
    assert np.linalg.norm(points, axis=1).max() <= 1.2 + 1e-9
    discs = 6.0 * math.pi * 0.44
    round_ = 4.0 * math.pi * 1.44 - 6.0 * 2.0 * math.pi * 1.2 * 0.2
    flat = np.mean(np.abs(points).max(axis=1) > 1.0 - 1e-9)
    assert flat == pytest.approx(discs / (discs + round_), abs=TOLERANCE + 0.015)  # the ball is made of facets


def test_a_half_space_cuts_along_a_plane_and_fills_it():
    points = sample(carved([box(2, 2, 2)], [half_space(4.0).at(0.0, 0.0, 0.5)]))
    assert points[:, 2].max() == pytest.approx(0.5)
    assert np.mean(points[:, 2] > 0.5 - 1e-9) == pytest.approx(4.0 / 20.0, abs=TOLERANCE)


def test_moving_and_stretching_keep_the_cut_and_the_evenness():
    """The plate above, twice as high: its wall and sides have twice their area."""
    plate = carved([box(4, 4, 1)], [frustum(2, 2, 3, sides=24)])
    rotation = turn("x", 0.7)
    points = sample(plate.moved(rotation @ np.diag([1.0, 1.0, 2.0]), [5.0, 0.0, 0.0]))
    points = (points - [5.0, 0.0, 0.0]) @ rotation
    radius = np.hypot(points[:, 0], points[:, 1])
    wall = 2 * 24 * 2.0 * math.sin(math.pi / 24)
    total = 2.0 * (16.0 - math.pi) + 32.0 + wall
    assert radius.min() > math.cos(math.pi / 24) - 1e-9
    assert np.mean(radius < 1.0 + 1e-9) == pytest.approx(wall / total, abs=TOLERANCE)


def test_turning_is_moving_by_a_rotation():
    surface, rotation = carved([box(1, 2, 3)], [ball(1, 1, 1)]), turn("y", 0.4) @ turn("z", 1.0)
    turned, moved = surface.turned(turn("z", 1.0)).turned(turn("y", 0.4)), surface.moved(rotation)
    assert turned.settled().triangles == pytest.approx(moved.triangles)
    assert turned.bounds()[1] == pytest.approx(moved.bounds()[1])
    assert np.abs(sample(turned) - sample(moved)).max() < 1e-12


def test_bounds_are_those_of_what_was_added():
    low, high = carved([box(1, 2, 3)], [half_space(50.0)]).bounds()
    assert low.tolist() == [-0.5, -1.0, -1.5]
    assert high.tolist() == [0.5, 1.0, 1.5]


def test_divided_triangles_are_short_and_cover_the_same():
    plate = joined([carved([box(4, 4, 1)], [frustum(2, 2, 3, sides=24)]), carved([box(0.8, 0.8, 0.8)])])
    divided = plate.divided(1.2)
    edges = np.linalg.norm(divided.triangles - np.roll(divided.triangles, 1, axis=1), axis=2)
    assert edges.max() <= 1.2
    assert len(divided.triangles) > 2 * len(plate.triangles)
    before, after = sample(plate), sample(divided)
    for points in (before, after):
        radius = np.hypot(points[:, 0], points[:, 1])
        assert not ((radius > 0.57) & (radius < 0.99)).any()
    share = [np.mean(np.abs(points[:, :2]).max(axis=1) > 1.99) for points in (before, after)]
    assert share[0] == pytest.approx(share[1], abs=TOLERANCE)


def test_a_bent_plate_keeps_its_hole():
    plate = carved([box(4, 4, 0.1)], [box(1, 1, 1)]).divided(0.4)

    def bent(p: np.ndarray) -> np.ndarray:
        return np.stack([np.sin(p[:, 0]), p[:, 1], 1.0 - np.cos(p[:, 0]) + p[:, 2]], axis=1)

    points = sample(plate.warped(bent))
    hole = (np.abs(np.arcsin(points[:, 0].clip(-1, 1))) < 0.45) & (np.abs(points[:, 1]) < 0.45) & (points[:, 2] < 0.4)
    assert not hole.any()


def test_surfaces_side_by_side_do_not_cover_each_other():
    points = sample(joined([carved([box(2, 2, 2)]), carved([box(1, 1, 1)], [frustum(0.4, 0.4, 3)])]))
    inner = np.abs(points).max(axis=1) < 0.6
    hole, wall = math.pi * 0.04, math.pi * 0.4
    own = 6.0 - 2 * hole + wall
    assert np.mean(inner) == pytest.approx(own / (own + 24.0), abs=TOLERANCE)


def test_where_nothing_is_left_there_are_points_all_the_same():
    points = carved([box(1, 1, 1)], [box(2, 2, 2)]).sample(np.random.default_rng(0), 300)
    assert points.shape == (300, 3)
    assert np.isfinite(points).all()


def test_the_little_that_is_left_is_repeated():
    """All but a thousandth of a cube's height is cut off."""
    points = carved([box(1, 1, 1)], [box(30, 30, 30).at(0.0, 0.0, 14.501)]).sample(np.random.default_rng(0), 3000)
    assert points[:, 2].max() <= -0.499 + 1e-9
    assert len(np.unique(points, axis=0)) < 3000
