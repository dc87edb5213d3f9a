"""Outlines: star-shaped, counter-clockwise, of radius 1; areas in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pointlora.procedural.assembly import Draw
from pointlora.procedural.freeform.outlines import (
    any_outline,
    cross,
    flattened,
    gear,
    lobes,
    polygon,
    star,
    superellipse,
)


def area(outline: np.ndarray) -> float:
    x, y = outline.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2.0


@pytest.mark.parametrize("plain", [False, True])
def test_random_outlines_are_star_shaped_and_counter_clockwise(plain):
    for seed in range(120):
        outline = any_outline(Draw(np.random.default_rng(seed)), plain)
        x, y = outline.T
        turns = x * np.roll(y, -1) - y * np.roll(x, -1)
        assert (turns > 0.0).all()
        assert np.hypot(x, y).max() == pytest.approx(1.0)
        assert area(outline) > 0.25


def test_areas():
    assert area(polygon(6)) == pytest.approx(1.5 * math.sqrt(3.0))
    assert area(polygon(4, 40)) == pytest.approx(2.0)
    assert area(polygon(4, 40, 0.5)) > area(polygon(4, 40))  # its corners are cut, then it is scaled up
    assert area(superellipse(2.0, 200)) == pytest.approx(math.pi, rel=1e-3)
    assert area(star(5, 0.5)) == pytest.approx(5 * 0.5 * math.sin(math.pi / 5))
    assert area(cross(0.25)) == pytest.approx((4 * 0.5 - 0.25) / (1 + 0.0625))
    assert area(lobes(4, 0.2, 400)) == pytest.approx(math.pi * (1.0 + 0.02) / 1.44, rel=1e-3)
    half = math.pi / 3  # of the angle that a flat at half the radius takes
    assert area(flattened(0.5, 1, 600)) == pytest.approx(math.pi - half + math.sin(2 * half) / 2, rel=1e-2)


def test_gear_has_its_teeth():
    radius = np.hypot(*gear(11, 0.25).T)
    assert (radius > 0.99).sum() == 22
    assert radius.min() == pytest.approx(0.75)
