"""Vessels, mostly surfaces of revolution with random profiles: mug, bottle, vase, bowl, teapot, goblet."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Assembly, Category, Draw
from pointlora.procedural.components import loop_handle
from pointlora.procedural.primitives import Ellipsoid, Revolution, Torus, Tube, cylinder, frustum


def wall(knots: list[tuple[float, float]], thick: float, steps: int = 16) -> Revolution:
    """An open vessel: a bottom, a smooth outer side through (radius, z) knots, a rim and the inner side and floor."""
    radius, z = np.array(knots).T
    at = np.linspace(0.0, 1.0, steps)
    knot_at = np.linspace(0.0, 1.0, len(knots))
    outer_r, outer_z = _smooth(at, knot_at, radius), _smooth(at, knot_at, z)
    inner_r = np.maximum(outer_r - thick, 0.3 * outer_r)[::-1]
    inner_z = np.maximum(outer_z[::-1], z[0] + thick)
    r = np.concatenate([[0.0], outer_r, inner_r, [0.0]])
    return Revolution(np.stack([r, np.concatenate([[z[0]], outer_z, inner_z, [z[0] + thick]])], axis=1))


def _smooth(at: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Interpolate with a smoothstep between knots: no overshoot, so radii stay positive."""
    index = np.minimum((at * (len(knots) - 1)).astype(int), len(knots) - 2)
    t = at * (len(knots) - 1) - index
    if len(knots) > 2:
        slopes = np.gradient(values)
        h, v = (
            t[:, None] ** np.arange(4),
            np.stack([values[index], slopes[index], values[index + 1], slopes[index + 1]]),
        )
        basis = np.array([[1, 0, -3, 2], [0, 1, -2, 1], [0, 0, 3, -2], [0, 0, -1, 1]], dtype=np.float64)
        return (basis @ h.T * v).sum(axis=0)
    return values[index] * (1.0 - t) + values[index + 1] * t


def mug(draw: Draw) -> Assembly:
    """A straight, conical or bellied cup with a handle."""
    shape = Assembly()
    radius, height = 1.0, draw(1.4, 2.9)
    foot, belly = draw(0.6, 1.05), draw.pick(1.0, draw(0.9, 1.25))
    knots = [(foot, 0.0), ((foot + radius) / 2 * belly, height / 2), (radius, height)]
    shape.add("body", wall(knots, draw(0.05, 0.14)))
    low, high = height * draw(0.1, 0.3), height * draw(0.65, 0.92)
    loop_handle(shape, draw, (foot + radius) / 2 * belly * 0.97, low, high, draw(0.4, 0.8), draw(0.06, 0.15))
    return shape


def bottle(draw: Draw) -> Assembly:
    """A closed body, a shoulder and a narrow neck with or without a cap."""
    shape = Assembly()
    height, radius = draw(1.6, 3.6), draw(0.45, 0.75)
    neck, neck_length = radius * draw(0.22, 0.5), draw(0.2, 0.9)
    shoulder = draw(0.1, 0.7)
    waist = draw.pick(1.0, 1.0, draw(0.75, 0.95))
    profile = [(0.0, 0.0), (radius * 0.9, 0.0), (radius, 0.06), (radius * waist, height * 0.4), (radius, height * 0.65)]
    for t in np.linspace(0.0, 1.0, 7).tolist():
        bulge = 0.5 + 0.5 * math.cos(math.pi * t)
        profile.append((neck + (radius - neck) * bulge, height * 0.7 + shoulder * t))
    top = height * 0.7 + shoulder
    shape.add("body", Revolution(profile))
    shape.add("neck", Revolution([(neck, top), (neck * draw(0.8, 1.0), top + neck_length)]))
    end = top + neck_length
    if draw.chance(0.6):
        shape.add("cap", cylinder(neck * draw(1.1, 1.4), draw(0.12, 0.35)), (0.0, 0.0, end - 0.1))
    else:
        shape.add("neck", Torus(neck, 0.05), (0.0, 0.0, end))
    if draw.chance(0.15):
        loop_handle(shape, draw, neck, top - shoulder * 0.3, end - 0.05, draw(0.2, 0.4), 0.06, "neck")
    return shape


def vase(draw: Draw) -> Assembly:
    """A tall open vessel with a random profile, sometimes with a foot or two handles."""
    shape = Assembly()
    height, count = draw(1.5, 3.4), draw.count(4, 6)
    radii = [draw(0.3, 1.0) for _ in range(count)]
    radii[draw.count(1, count - 2)] = draw(0.8, 1.1)
    foot = draw.pick(0.0, draw(0.08, 0.3))
    knots = [(radii[k], foot + height * k / (count - 1)) for k in range(count)]
    shape.add("body", wall(knots, draw(0.04, 0.1), 24))
    if foot:
        shape.add("foot", frustum(radii[0] * draw(1.0, 1.5), radii[0] * 0.8, foot))
    if draw.chance(0.25):
        at, reach = radii[-2], draw(0.2, 0.4)
        low, high = foot + height * 0.45, foot + height * 0.85
        for side in (-1.0, 1.0):
            path = [
                (side * (at + d), 0.0, low + (high - low) * t)
                for d, t in ((-0.1, 0.0), (reach, 0.4), (reach, 0.8), (-0.1, 1.0))
            ]
            shape.add("handle", Tube(path, 0.06))
    return shape


def bowl(draw: Draw) -> Assembly:
    """A wide open vessel, from plate-like to half a sphere, sometimes on a foot ring."""
    shape = Assembly()
    depth, flat = draw(0.3, 1.0), draw(0.15, 0.5)
    power = draw(0.35, 0.9)
    foot = draw.pick(0.0, draw(0.06, 0.18))
    knots = [(flat + (1.0 - flat) * t**power, foot + depth * t) for t in (0.0, 0.15, 0.4, 0.7, 1.0)]
    shape.add("body", wall(knots, draw(0.03, 0.1)))
    if foot:
        shape.add("foot", frustum(flat * draw(0.9, 1.1), flat * 0.9, foot))
    if draw.chance(0.2):
        shape.add("body", Torus(1.0, draw(0.03, 0.07)), (0.0, 0.0, foot + depth))
    return shape


def teapot(draw: Draw) -> Assembly:
    """A round body with a lid and knob, a spout in front (+x) and a handle behind or above."""
    shape = Assembly()
    squat, mouth = draw(0.65, 1.2), draw(0.3, 0.55)
    angles = np.linspace(-0.38 * math.pi, math.acos(mouth), 14)
    profile = np.stack([np.cos(angles), squat * (np.sin(angles) + math.sin(0.38 * math.pi))], axis=1)
    shape.add("body", Revolution(np.concatenate([[[0.0, 0.0]], profile])))
    top, middle = float(profile[-1, 1]), squat * math.sin(0.38 * math.pi)
    rise = draw(0.08, 0.3)
    shape.add(
        "lid",
        Revolution([(mouth * 1.08, top), (mouth * 0.9, top + 0.6 * rise), (0.3 * mouth, top + rise), (0, top + rise)]),
    )
    knob = draw(0.07, 0.14)
    shape.add("lid", Ellipsoid(knob, knob, knob * draw(0.7, 1.4)), (0.0, 0.0, top + rise + knob * 0.7))
    reach, high, thick = draw(0.5, 0.9), middle + squat * draw(0.45, 1.0), draw(0.2, 0.3)
    path = [
        (0.85, 0, middle * 0.6),
        (1.0 + reach * 0.4, 0, middle * 0.85),
        (1.0 + reach * 0.7, 0, high * 0.8),
        (1.0 + reach, 0, high),
    ]
    shape.add("spout", Tube(path, [thick, thick * 0.75, thick * 0.5, thick * 0.4], closed=False))
    if draw.chance(0.7):
        angles = np.linspace(-math.pi / 2, math.pi / 2, 9)
        back = -0.8 - draw(0.4, 0.75) * np.cos(angles)
        z = middle + 0.55 * squat * np.sin(angles)
        shape.add("handle", Tube(np.stack([back, np.zeros(9), z], axis=1), draw(0.06, 0.12)))
    else:
        angles, rise = np.linspace(0.15, math.pi - 0.15, 11), draw(1.0, 1.5)
        z = middle + 0.3 * squat + (top - middle + rise * 0.8) * np.sin(angles)
        shape.add("handle", Tube(np.stack([0.85 * np.cos(angles), np.zeros(11), z], axis=1), draw(0.05, 0.09)))
    return shape


def goblet(draw: Draw) -> Assembly:
    """A wine glass: a cup on a stem on a foot."""
    shape = Assembly()
    stem, radius, height = draw(0.5, 1.6), draw(0.4, 0.75), draw(0.5, 1.3)
    rim = radius * draw(0.7, 1.25)
    knots = [
        (0.08, stem),
        (radius * draw(0.7, 0.95), stem + height * 0.3),
        (radius, stem + height * 0.6),
        (rim, stem + height),
    ]
    shape.add("cup", wall(knots, 0.04))
    thick = draw(0.04, 0.09)
    shape.add("stem", frustum(thick * 1.3, thick, stem), (0.0, 0.0, 0.03))
    if draw.chance(0.3):
        shape.add("stem", Ellipsoid(thick * 2.2, thick * 2.2, thick * 2), (0.0, 0.0, stem * draw(0.4, 0.8)))
    shape.add("foot", frustum(radius * draw(0.75, 1.05), thick, draw(0.04, 0.2)))
    return shape


VESSELS = (
    Category("mug", ("body", "handle"), mug),
    Category("bottle", ("body", "neck", "cap"), bottle, optional=("cap",)),
    Category("vase", ("body", "foot", "handle"), vase, optional=("foot", "handle")),
    Category("bowl", ("body", "foot"), bowl, optional=("foot",)),
    Category("teapot", ("body", "lid", "spout", "handle"), teapot),
    Category("goblet", ("cup", "stem", "foot"), goblet),
)
