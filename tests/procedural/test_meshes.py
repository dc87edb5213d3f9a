"""Meshes: areas in closed form, uniformity, points on the triangles, concave outlines, warps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pointlora.procedural.meshes import Mesh, bend, body, extrusion, grid, rounded_slab, slab

L_SHAPE = [(0.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 3.0), (0.0, 3.0)]


def sample(mesh, count=20_000):
    return mesh.sample(np.random.default_rng(5), count)


def test_triangles_get_points_in_proportion_to_area():
    small = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0)], dtype=np.float64)
    mesh = Mesh(np.stack([small, small * 2.0 + [0.0, 0.0, 1.0]]))
    assert mesh.area == pytest.approx(2.5)
    points = sample(mesh)
    assert np.mean(points[:, 2] == 0.0) == pytest.approx(0.2, abs=0.0115)
    lower = points[points[:, 2] == 0.0]
    assert (lower[:, :2].sum(axis=1) <= 1.0 + 1e-12).all()
    assert lower.mean(axis=0) == pytest.approx([1 / 3, 1 / 3, 0.0], abs=0.016)  # the centroid


def test_slab_is_a_box():
    mesh = slab(0.5, 2.0, 1.0)
    assert mesh.area == pytest.approx(7.0)
    excess = np.abs(sample(mesh)) - [0.25, 1.0, 0.5]
    assert np.abs(excess.max(axis=1)).max() < 1e-9


def test_body_of_equal_circles_is_a_closed_cylinder():
    mesh = body([(0.0, 0.5, 0.5, 0.0), (2.0, 0.5, 0.5, 0.0)], vertices=200)
    assert mesh.area == pytest.approx(2.5 * math.pi, rel=1e-3)
    upright = body([(0.0, 0.5, 0.5, 0.3), (2.0, 0.5, 0.5, 0.3)], "z", vertices=200)
    assert sample(upright).mean(axis=0) == pytest.approx([0.3, 0.0, 1.0], abs=0.03)


def test_extrusion_fills_a_concave_outline_and_nothing_else():
    mesh = extrusion(L_SHAPE, 0.5)
    assert mesh.area == pytest.approx(2 * 4.0 + 0.5 * 10.0)
    points = sample(mesh)
    assert not ((points[:, 0] > 1.0 + 1e-9) & (points[:, 1] > 1.0 + 1e-9)).any()
    top = points[points[:, 2] == 0.5]
    assert len(top) / len(points) == pytest.approx(4.0 / 13.0, abs=0.0135)
    assert np.mean(top[:, 1] > 1.0) == pytest.approx(0.5, abs=0.03)


def test_rounded_slab_loses_its_corners():
    sharp, rounded = rounded_slab(2.0, 1.0, 0.1, 1e-6), rounded_slab(2.0, 1.0, 0.1, 0.5)
    assert sharp.area == pytest.approx(4.6, rel=1e-4)
    assert rounded.area == pytest.approx(2 * (1.0 + math.pi / 4) + 0.1 * (2.0 + math.pi), rel=0.02)


def test_bend_keeps_arc_length_and_follows_the_circle():
    strip = slab(1e-6, 2.0, 0.5, divisions=64)
    bent = strip.warped(lambda p: bend(p, 1.0))
    assert bent.area == pytest.approx(strip.area, rel=1e-3)
    points = sample(bent)
    assert np.abs(np.hypot(points[:, 0] - 1.0, points[:, 1]) - 1.0).max() < 1e-3
    assert points[:, 0].min() == pytest.approx(0.0, abs=1e-5)
    assert points[:, 0].max() == pytest.approx(1.0 - math.cos(1.0), abs=1e-3)
    assert bend(np.ones((2, 3)), 0.0) == pytest.approx(np.ones((2, 3)))


def test_grid_and_mirror():
    x, y = np.meshgrid([0.0, 1.0, 2.0], [0.0, 1.0], indexing="ij")
    mesh = grid(np.stack([x, y, np.zeros_like(x)], axis=2))
    assert mesh.area == pytest.approx(2.0)
    mirrored = sample(mesh.mirrored())
    assert mirrored[:, 1].max() <= 0.0
    assert mirrored[:, 1].mean() == pytest.approx(-0.5, abs=0.01)
