"""Assemblies: how points are shared out, placed and labelled, and what random draws return."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pointlora.procedural.assembly import ALONG_X, ALONG_Y, Assembly, Draw, allocate, turn
from pointlora.procedural.primitives import Box, cylinder


def test_allocation_is_proportional_and_exact():
    shares = allocate(np.array([1.0, 2.0, 5.0]), np.array([0, 1, 2]), 801)
    assert shares.tolist() == [100, 200, 501]


def test_allocation_keeps_a_point_for_every_part_that_fits():
    areas, ids = np.array([1000.0, 0.001, 0.001, 0.001]), np.array([0, 2, 2, 3])
    assert allocate(areas, ids, 10).tolist() == [8, 1, 0, 1]
    assert allocate(areas, ids, 1).tolist() == [1, 0, 0, 0]


def test_parts_are_turned_then_moved():
    shape = Assembly()
    shape.add("a", Box(4.0, 0.0, 0.0001), (0.0, 0.0, 3.0), turn("z", math.pi / 2))
    shape.add("b", cylinder(0.01, 1.0), (5.0, 0.0, 0.0), ALONG_X)
    points, ids = shape.sample(np.random.default_rng(0), 500, ("b", "a"))
    a, b = points[ids == 1], points[ids == 0]
    assert np.abs(a[:, 0]).max() < 1e-9
    assert np.ptp(a[:, 1]) > 3.0
    assert a[:, 2].mean() == pytest.approx(3.0, abs=1e-4)
    assert b[:, 0].min() >= 5.0 - 1e-9
    assert b[:, 0].max() <= 6.0 + 1e-9
    assert (ALONG_Y @ [0.0, 0.0, 1.0]).tolist() == pytest.approx([0.0, 1.0, 0.0])


def test_turning_an_assembly_turns_every_point():
    shape = Assembly()
    shape.add("a", cylinder(0.2, 1.0), (1.0, 2.0, 3.0), turn("y", 0.4))
    rotation, about = turn("z", 0.7), (0.5, -0.5, 0.0)
    before, _ = shape.sample(np.random.default_rng(1), 100, ("a",))
    after, _ = shape.turned(rotation, about).sample(np.random.default_rng(1), 100, ("a",))
    assert after == pytest.approx((before - about) @ rotation.T + about, abs=1e-12)


def test_points_come_in_random_order():
    shape = Assembly()
    shape.add("a", Box(1.0, 1.0, 1.0))
    shape.add("b", Box(1.0, 1.0, 1.0))
    _, ids = shape.sample(np.random.default_rng(2), 1000, ("a", "b"))
    assert ids.tolist().count(0) == 500
    assert 200 < ids[:500].sum() < 300


def test_draws_stay_in_range_and_cover_it():
    draw = Draw(np.random.default_rng(4))
    values = [draw(2.0, 3.0) for _ in range(1000)]
    assert 2.0 <= min(values) < 2.01
    assert 2.99 < max(values) < 3.0
    assert {draw.count(1, 3) for _ in range(100)} == {1, 2, 3}
    assert {draw.pick("a", "b") for _ in range(50)} == {"a", "b"}
    assert np.mean([draw.chance(0.3) for _ in range(2000)]) == pytest.approx(0.3, abs=0.04)
