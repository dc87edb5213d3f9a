"""Curves and sweeps: points passed, frames, areas in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pointlora.procedural.freeform.curves import copies, frames, ribbon, rods, spline, swept
from pointlora.procedural.freeform.outlines import superellipse
from pointlora.procedural.meshes import Mesh

CORNERS = np.array([(0.0, 0.0, 0.0), (1.0, 0.0, 0.5), (1.0, 1.0, 0.0), (0.0, 2.0, 1.0)])


def test_splines_pass_through_their_points():
    assert spline(CORNERS, 10)[::3] == pytest.approx(CORNERS)
    assert spline(CORNERS, 16, closed=True)[::4] == pytest.approx(CORNERS)
    straight = spline(np.array([[0.0, 0.0], [1.0, 2.0]]), 5)
    assert straight == pytest.approx(np.linspace([0.0, 0.0], [1.0, 2.0], 5))


@pytest.mark.parametrize("closed", [False, True])
def test_frames_are_orthonormal_and_turn_little(closed):
    path = spline(CORNERS, 240, closed)
    first, second = frames(path, closed)
    assert np.linalg.norm(first, axis=1) == pytest.approx(np.ones(240))
    assert np.abs((first * second).sum(axis=1)).max() < 1e-9
    neighbours = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    assert np.abs((first * neighbours).sum(axis=1)[1:-1]).max() < 1e-9
    cosines = (first * np.roll(first, -1, axis=0)).sum(axis=1)
    assert (cosines if closed else cosines[:-1]).min() > 0.97


def test_a_swept_circle_is_a_tube_and_on_a_ring_a_torus():
    path = np.linspace([0.0, 0.0, 0.0], [1.0, 2.0, 2.0], 10)
    tube = Mesh(swept(path, superellipse(2.0, 200), 0.5, twist=1.0))
    assert tube.area == pytest.approx(3.0 * math.pi + 0.5 * math.pi, rel=0.01)
    angle = 2.0 * math.pi * np.arange(200) / 200
    ring = np.stack([np.cos(angle), np.sin(angle), 0.0 * angle], axis=1)
    assert Mesh(swept(ring, superellipse(2.0, 60), 0.2, closed=True)).area == pytest.approx(0.8 * math.pi**2, rel=0.01)


def test_ribbon_is_a_folded_strip():
    """An L of legs 2 and 1 to its middle line, 0.2 thick and 0.5 deep: its mitred corner keeps the total length."""
    strip = Mesh(ribbon(np.array([(0.0, 0.0), (2.0, 0.0), (2.0, 1.0)]), 0.2, 0.5))
    assert strip.area == pytest.approx(2 * 3.0 * 0.2 + 2 * 3.0 * 0.5 + 2 * 0.2 * 0.5)
    low, high = strip.triangles.reshape(-1, 3).min(axis=0), strip.triangles.reshape(-1, 3).max(axis=0)
    assert low.tolist() == pytest.approx([0.0, -0.25, -0.1])
    assert high.tolist() == pytest.approx([2.1, 0.25, 1.0])


def test_rods_and_copies():
    starts, ends = np.zeros((2, 3)), np.array([(0.0, 0.0, 2.0), (0.0, -3.0, 0.0)])
    triangles = rods(starts, ends, np.array([0.1, 0.2]), sides=100)
    assert Mesh(triangles).area == pytest.approx(2.0 * math.pi * (0.2 + 0.6), rel=1e-3)
    assert Mesh(copies(triangles, CORNERS, 0.5)).area == pytest.approx(math.pi * 1.6, rel=1e-3)
