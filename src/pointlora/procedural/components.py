"""Pieces that many categories share: sets of legs, pedestals, cushions, wheels and handles."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import ALONG_Y, Assembly, Draw, turn
from pointlora.procedural.meshes import Mesh, body, rounded_slab
from pointlora.procedural.primitives import Box, Primitive, Revolution, Torus, Tube, cylinder, frustum, rod


def four_legs(shape: Assembly, draw: Draw, x: float, y: float, height: float, label: str = "leg") -> None:
    """Four legs under a top of half sizes x, y: square, round or splayed, sometimes with stretchers."""
    inset = draw(0.82, 0.97)
    x, y = x * inset, y * inset
    thick = draw(0.06, 0.13) * min(max(x, y), height)
    splay = draw.pick(0.0, 0.0, draw(0.05, 0.25)) * min(x, y)
    square, narrowing = draw.chance(0.4), draw.pick(1.0, draw(0.45, 0.9))
    for sx in (-1.0, 1.0):
        for sy in (-1.0, 1.0):
            if square and not splay:
                shape.add(label, Box(thick, thick, height), (sx * x, sy * y, height / 2))
            else:
                foot = (sx * (x + splay), sy * (y + splay), 0.0)
                shape.add(label, rod(foot, (sx * x, sy * y, height), narrowing * thick / 2, thick / 2))
    if draw.chance(0.3):
        z, r = height * draw(0.15, 0.5), thick * 0.35
        dx, dy = x + splay * (1 - z / height), y + splay * (1 - z / height)
        for side in (-1.0, 1.0):
            shape.add(label, rod((-dx, side * dy, z), (dx, side * dy, z), r))
        ends = draw.pick((0.0,), (-dx, dx))
        for end in ends:
            shape.add(label, rod((end, -dy, z), (end, dy, z), r))


def pedestal(shape: Assembly, draw: Draw, reach: float, height: float, label: str = "leg") -> None:
    """One column on a disc, a dome or a star of feet of a given reach."""
    radius = draw(0.06, 0.14) * reach + 0.02 * height
    style = draw.pick("disc", "disc", "star", "star", "star", "cone")
    if style == "cone":
        shape.add(label, frustum(reach * draw(0.6, 0.9), radius, height))
        return
    rise = height * draw(0.04, 0.12)
    shape.add(label, frustum(radius, radius * draw(0.6, 1.0), height - rise), (0.0, 0.0, rise))
    if style == "disc":
        shape.add(label, frustum(reach * draw(0.7, 1.0), radius * draw(1.0, 2.5), rise))
        return
    arms, start, wheels = draw.count(3, 6), draw(0.0, 1.0), draw.chance(0.5)
    for k in range(arms):
        angle = start + 2.0 * math.pi * k / arms
        tip = (reach * math.cos(angle), reach * math.sin(angle), rise * 0.3)
        shape.add(label, rod((0.0, 0.0, rise * 1.5), tip, radius * 0.7, radius * 0.4))
        if wheels:
            shape.add(label, cylinder(rise * 0.5, rise * 0.5), (tip[0], tip[1] - rise * 0.25, 0.0), ALONG_Y)


def runners(shape: Assembly, draw: Draw, x: float, y: float, height: float, label: str = "leg") -> None:
    """A closed frame of tube on either side (a sled or trestle base)."""
    radius = draw(0.02, 0.045) * height + 0.01 * x
    low, high = x * draw(0.7, 1.0), x * draw(0.6, 1.0)
    for side in (-1.0, 1.0):
        path = [(high, side * y, height), (low, side * y, radius), (-low, side * y, radius), (-high, side * y, height)]
        shape.add(label, Tube(path, radius))


def panels(shape: Assembly, draw: Draw, x: float, y: float, height: float, label: str = "leg") -> None:
    """A solid board on either side."""
    thick = draw(0.03, 0.1) * y
    for side in (-1.0, 1.0):
        shape.add(label, Box(2 * x * draw(0.85, 0.95), thick, height), (0.0, side * (y - thick), height / 2))


def flat_top(draw: Draw, x: float, y: float, thick: float) -> Primitive:
    """A top of full sizes x, y centred at the origin: square-edged or with rounded corners."""
    corner = draw(0.1, 0.5) * min(x, y)
    return Box(x, y, thick) if draw.chance(0.5) else rounded_slab(x, y, thick, corner)


def cushion(x: float, y: float, z: float, squareness: float = 4.0) -> Mesh:
    """A stuffed block of full sizes centred at the origin, thinner toward its ends."""
    stations = [
        (-x / 2, 0.46 * y, 0.2 * z, 0.0),
        (-0.44 * x, 0.5 * y, 0.42 * z, 0.0),
        (0.0, 0.5 * y, 0.5 * z, 0.0),
        (0.44 * x, 0.5 * y, 0.42 * z, 0.0),
        (x / 2, 0.46 * y, 0.2 * z, 0.0),
    ]
    return body(stations, exponent=squareness)


def loop_handle(
    shape: Assembly, draw: Draw, at: float, low: float, high: float, reach: float, thick: float, label: str = "handle"
) -> None:
    """A handle in the xz plane, out from x = `at` (at both its heights) by `reach`."""
    middle, half = (low + high) / 2, (high - low) / 2
    if draw.chance(0.6):
        power = draw(0.6, 1.0)
        angles = np.linspace(-math.pi / 2, math.pi / 2, 9)
        x = at + reach * np.cos(angles) ** power
        path = np.stack([x, np.zeros(9), middle + half * np.sin(angles)], axis=1)
        shape.add(label, Tube(path, thick))
    else:
        out = at + reach
        path = np.array([(at, 0, high), (out, 0, high * 0.98 + low * 0.02), (out * 0.95, 0, low), (at, 0, low)])
        shape.add(label, Tube(path, thick))


def wheel(
    shape: Assembly, at: tuple[float, float, float], radius: float, width: float, label: str = "wheel", rim: float = 0.5
) -> None:
    """A solid wheel whose axle is along y, centred at `at`."""
    profile = [
        (0.0, -0.3),
        (rim, -0.3),
        (rim + 0.05, -0.5),
        (1.0, -0.5),
        (1.0, 0.5),
        (rim + 0.05, 0.5),
        (rim, 0.3),
        (0, 0.3),
    ]
    shape.add(label, Revolution(np.array(profile) * [radius, width]), at, ALONG_Y)


def spoked_wheel(shape: Assembly, x: float, z: float, radius: float, tyre: float, spokes: int, label: str) -> None:
    """A bicycle wheel in the xz plane."""
    shape.add(label, Torus(radius - tyre, tyre), (x, 0.0, z), ALONG_Y)
    for k in range(spokes):
        angle = math.pi * k / spokes
        dx, dz = (radius - tyre) * math.cos(angle), (radius - tyre) * math.sin(angle)
        shape.add(label, rod((x - dx, 0.0, z - dz), (x + dx, 0.0, z + dz), 0.12 * tyre))


def tilted(angle: float) -> np.ndarray:
    """The rotation that leans an upright back toward -x by an angle in radians."""
    return turn("y", -angle)
