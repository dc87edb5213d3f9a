"""Bodies: their triangles and their inside tests agree, alone, placed, and in rows and rings."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pointlora.procedural.assembly import Draw, turn
from pointlora.procedural.freeform.outlines import cross, gear, polygon, star
from pointlora.procedural.freeform.solids import ball, box, frustum, half_space, in_ring, in_rows, lathed, prism, ring
from pointlora.procedural.freeform.stock import any_body, mirrored

PROFILE = np.array([(0.5, -1.0), (1.0, -0.5), (0.4, 0.0), (0.4, 0.6), (0.8, 1.0)])
STAR_SHAPED = {
    "box": (box(1, 2, 3), 6.0),
    "cylinder": (frustum(2, 2, 1), math.pi),
    "cone": (frustum(2, 2, 3, 0.0), math.pi),
    "ball": (ball(2, 2, 2), 4.0 / 3.0 * math.pi),
    "squarish ball": (ball(2, 2, 2, 6.0), 8.0 * math.gamma(7 / 6) ** 3 / math.gamma(1.5)),
    "prism": (prism(polygon(6), 2, 2, 1), 1.5 * math.sqrt(3.0)),
    "pyramid": (prism(polygon(4), 2, 2, 3, 0.0), 2.0),
    "star": (prism(star(5, 0.5), 2, 2, 1), 5 * 0.5 * math.sin(math.pi / 5)),
    "cross": (prism(cross(0.25), 2, 2, 1), 1.75 / 1.0625),
}


@pytest.mark.parametrize("name", STAR_SHAPED)
def test_inside_and_surface_agree(name):
    """The surface, drawn in a little toward the centre, is inside, and grown a little it is outside."""
    solid, volume = STAR_SHAPED[name]
    corners = solid.triangles().reshape(-1, 3).T
    assert solid.contains(0.999 * corners).all()
    assert not solid.contains(1.001 * corners).any()
    cloud = (2.0 * np.random.default_rng(1).random((3, 40_000)) - 1.0) * solid.half[:, None]
    share = volume / np.prod(2.0 * solid.half)
    assert np.mean(solid.contains(cloud)) == pytest.approx(share, abs=0.011)


def test_rings_and_lathed_bodies():
    cloud = 2.0 * np.random.default_rng(1).random((3, 40_000)) - 1.0
    torus = ring(2, 2, 0.6, 0.3)
    assert np.mean(torus.contains(cloud)) == pytest.approx(2.0 * math.pi**2 * 0.7 * 0.09 / 8.0, abs=0.01)
    x, y, z = torus.triangles().reshape(-1, 3).T
    assert np.abs(np.hypot(np.hypot(x, y) - 0.7, z) - 0.3).max() < 1e-9
    body = lathed(PROFILE, 2, 2, 2)
    radii = np.interp(np.linspace(-1, 1, 4001), PROFILE[:, 1], PROFILE[:, 0])
    assert np.mean(body.contains(cloud)) == pytest.approx(np.mean(math.pi * radii**2) / 4.0, abs=0.011)


def test_gear_teeth_are_inside():
    solid = prism(gear(8, 0.3), 2, 2, 1)
    angle = 2.0 * math.pi * (0.5 * 0.2 + 0.2 / 2 + np.arange(8)) / 8  # the middle of each tooth's flat
    assert solid.contains(np.stack([0.95 * np.cos(angle + 0.05), 0.95 * np.sin(angle + 0.05), 0.0 * angle])).all()
    between = angle + math.pi / 8
    assert not solid.contains(np.stack([0.8 * np.cos(between + 0.05), 0.8 * np.sin(between + 0.05), 0 * angle])).any()


def test_a_placed_body_contains_what_the_plain_one_does():
    solid, rotation = box(1, 2, 3), turn("x", 0.5) @ turn("z", 0.3)
    placed = solid.at(0.5, 0.0, 0.0).transformed(rotation)
    cloud = np.random.default_rng(2).normal(size=(3, 2000))
    moved = rotation @ (cloud + np.array([[0.5], [0.0], [0.0]]))
    assert (placed.contains(moved) == solid.contains(cloud)).all()
    assert (placed.outside().contains(moved) != solid.contains(cloud)).all()
    assert (mirrored(placed, 1).contains(moved * [[1.0], [-1.0], [1.0]]) == solid.contains(cloud)).all()


def test_the_half_space_is_above_its_plane():
    tilted = half_space(2.0).transformed(turn("y", math.pi / 2))  # z becomes x
    assert tilted.contains(np.array([[0.1, -0.1], [0.0, 5.0], [0.0, -5.0]])).tolist() == [True, False]


@pytest.mark.parametrize("counts", [(1, 1), (3, 1), (2, 4)])
def test_copies_in_rows_are_separate_bodies(counts):
    one, pitch = frustum(0.6, 0.4, 1.0, 0.5), (0.7, 0.5)
    rows = in_rows(one, counts, pitch)
    cloud = np.random.default_rng(3).uniform(-1.5, 1.5, (3, 4000))
    expected = np.zeros(4000, dtype=bool)
    for i in range(counts[0]):
        for j in range(counts[1]):
            at = pitch[0] * (i - (counts[0] - 1) / 2), pitch[1] * (j - (counts[1] - 1) / 2)
            expected |= one.at(*at, 0.0).contains(cloud)
    assert expected.any()
    assert (rows.contains(cloud) == expected).all()
    assert len(rows.triangles()) == counts[0] * counts[1] * len(one.triangles())


@pytest.mark.parametrize("count", [3, 8])
def test_copies_in_a_ring_are_separate_bodies(count):
    one = box(0.3, 0.4, 1.0).transformed(turn("z", 0.3)).at(0.8, 0.3, 0.1)
    ringed = in_ring(one, count)
    cloud = np.random.default_rng(3).uniform(-1.2, 1.2, (3, 4000))
    copies = [one.transformed(turn("z", 2.0 * math.pi * k / count)) for k in range(count)]
    expected = np.any([copy.contains(cloud) for copy in copies], axis=0)
    assert expected.any()
    assert (ringed.contains(cloud) == expected).all()
    first = ringed.triangles()[len(one.triangles()) : 2 * len(one.triangles())]
    assert first == pytest.approx(copies[1].triangles())


def test_random_bodies_fit_in_their_boxes():
    for seed in range(60):
        solid = any_body(Draw(np.random.default_rng(seed)))
        assert (np.abs(solid.triangles().reshape(-1, 3)) <= solid.half + 1e-9).all()
        assert 0.017 < solid.half.min() <= solid.half.max() < 1.0
