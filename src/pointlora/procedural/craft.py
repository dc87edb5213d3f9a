"""Craft of air, space and water, heading to +x (rockets upward): airplane, rocket, boat."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import ALONG_X, Assembly, Category, Draw, turn
from pointlora.procedural.meshes import Mesh, body, loft
from pointlora.procedural.primitives import Box, Revolution, cylinder, frustum, rod


def _wing(root: tuple[float, float, float], span: float, chord: float, tip: float, sweep: float, lift: float) -> Mesh:
    """A thin tapered wing toward +y from the leading edge at `root`."""
    x, y, z = root
    sections = np.empty((2, 4, 3))
    for k, (c, dx, dy, dz) in enumerate(((chord, 0.0, 0.0, 0.0), (tip, -sweep, span, lift))):
        fat = 0.05 * c
        sections[k] = [
            (x + dx, y + dy, z + dz),
            (x + dx - 0.35 * c, y + dy, z + dz + fat),
            (x + dx - c, y + dy, z + dz),
            (x + dx - 0.35 * c, y + dy, z + dz - fat),
        ]
    return loft(sections)


def airplane(draw: Draw) -> Assembly:
    """A fuselage with wings, a tail and jet engines or a propeller."""
    shape = Assembly()
    long, radius = draw(3.0, 4.4), draw(0.16, 0.28)
    stations = [(long * x, radius * r, radius * r, radius * z) for x, r, z in _FUSELAGE]
    shape.add("body", body(stations, exponent=draw(1.9, 2.4)))
    span, chord, sweep = draw(1.3, 2.2), draw(0.45, 0.9), draw(0.0, 1.1)
    tip, lift, high = chord * draw(0.3, 0.8), draw(-0.05, 0.25), draw.pick(-0.4, -0.4, 0.8) * radius
    wing = _wing((long * draw(0.05, 0.16), 0.0, high), span, chord, tip, sweep, lift)
    shape.add("wing", wing)
    shape.add("wing", wing.mirrored())
    fin, end = draw(0.45, 0.8), -long * 0.36
    tail = _wing((end, 0.0, 0.0), fin, chord * 0.65, chord * 0.4, fin * draw(0.2, 0.9), 0.0)
    shape.add("tail", tail, (0.0, 0.0, radius * 0.5), turn("x", math.pi / 2))
    at = draw.pick(radius * 0.4, radius * 0.4, radius * 0.5 + fin * 0.95)
    level = _wing((end - 0.05, 0.0, at), fin * draw(0.9, 1.2), chord * 0.5, chord * 0.28, sweep * 0.4, 0.0)
    shape.add("tail", level)
    shape.add("tail", level.mirrored())
    kind = draw.pick("jets", "jets", "propeller", "none")
    if kind == "propeller":
        for angle in (0.0, math.pi / 2):
            shape.add("engine", Box(0.03, 0.08, draw(0.7, 1.0)), (long * 0.505, 0.0, -0.1 * radius), turn("x", angle))
    elif kind == "jets":
        size, fractions = draw(0.09, 0.15), draw.pick((0.35,), (0.25, 0.5))
        for f in fractions:
            x = long * 0.08 - sweep * f
            for side in (-1.0, 1.0):
                where = (x - 0.15, side * span * f, high + lift * f - size * 1.3)
                shape.add("engine", frustum(size * 0.75, size, 0.45), where, ALONG_X)
    return shape


_FUSELAGE = (
    (-0.5, 0.12, 0.5),
    (-0.4, 0.45, 0.35),
    (-0.2, 0.95, 0.05),
    (0.25, 1, 0),
    (0.4, 0.85, -0.05),
    (0.47, 0.5, -0.1),
    (0.5, 0.1, -0.15),
)


def rocket(draw: Draw) -> Assembly:
    """An upright rocket: stages, a nose cone, fins, sometimes boosters and a nozzle."""
    shape = Assembly()
    height, radius, nose = draw(2.0, 4.0), draw(0.25, 0.45), draw(0.5, 1.2)
    upper = radius * draw.pick(1.0, draw(0.6, 0.95))
    step = height * draw(0.4, 0.7)
    base = draw(0.05, 0.3)
    stages = [(0.0, base), (radius, base), (radius, base + step), (upper, base + step * 1.1), (upper, base + height)]
    shape.add("body", Revolution(stages))
    power = draw(0.45, 1.0)
    cone = [(upper * (1.0 - t) ** power, base + height + nose * t) for t in np.linspace(0.0, 1.0, 9).tolist()]
    shape.add("nose", Revolution(cone))
    shape.add("body", frustum(radius * 0.75, radius * 0.35, base + 0.05, closed=False))
    fins, reach, tall = draw.count(3, 5), radius * draw(0.7, 1.8), draw(0.5, 1.0)
    fin = np.zeros((2, 4, 3))
    fin[:, :, 0] = [radius * 0.95, radius + reach, radius + reach, radius * 0.95]
    fin[:, :, 2] = [base, base - draw(0.0, 0.3), base + tall * draw(0.2, 0.5), base + tall]
    fin[:, :, 1] = [[-0.02], [0.02]]
    blade = loft(fin)
    for k in range(fins):
        shape.add("fin", blade, rotation=turn("z", 2.0 * math.pi * k / fins))
    if draw.chance(0.3):
        slim, long = radius * draw(0.4, 0.6), height * draw(0.4, 0.65)
        booster = Revolution([(0.0, 0.0), (slim, 0.0), (slim, long), (0.0, long + 2 * slim)])
        for k in range(2):
            angle = math.pi * (k + 1.0 / fins)
            at = ((radius + slim) * math.cos(angle), (radius + slim) * math.sin(angle), base)
            shape.add("body", booster, at)
    return shape


def boat(draw: Draw) -> Assembly:
    """A hull, open with thwarts, or decked with a cabin or a mast and sail."""
    shape = Assembly()
    long, half, deep = draw(2.4, 4.0), draw(0.4, 0.65), draw(0.35, 0.6)
    t = np.linspace(0.0, 1.0, 11)
    stern = draw(0.4, 0.9)
    beam = half * np.minimum(
        (1.0 - t**3.5) ** 0.7, stern + (1.0 - stern) * np.sin(np.minimum(t * 2.2, 1.0) * math.pi / 2)
    )
    keel, sheer = -deep * (1.0 - 0.8 * t**4), draw(0.1, 0.35) * deep * (2.0 * t - 0.8) ** 2
    side = np.linspace(-1.0, 1.0, 9)
    curve = np.sign(side) * np.abs(side) ** draw(0.5, 0.9)
    depth = np.abs(side) ** draw(1.6, 3.5)
    hull = np.empty((11, 9, 3))
    hull[:, :, 0] = (t[:, None] - 0.5) * long
    hull[:, :, 1] = beam[:, None] * curve
    hull[:, :, 2] = keel[:, None] + (sheer - keel)[:, None] * depth
    shape.add("hull", loft(hull, capped=True) if draw.chance(0.6) else Mesh(_open_hull(hull)))
    kind = draw.pick("open", "cabin", "sail", "sail")
    if kind == "open":
        for f in (-0.25, 0.0, 0.25)[: draw.count(2, 3)]:
            shape.add("hull", Box(0.2, half * 1.5, 0.04), (f * long, 0.0, -deep * 0.2))
    elif kind == "cabin":
        size = (long * draw(0.2, 0.4), half * draw(1.0, 1.4), draw(0.3, 0.6))
        shape.add("cabin", Box(*size), (-long * draw(0.0, 0.15), 0.0, size[2] / 2))
        if draw.chance(0.5):
            shape.add("cabin", Box(size[0] * 0.6, size[1] * 0.8, 0.25), (-long * 0.08, 0.0, size[2] + 0.12))
        if draw.chance(0.4):
            shape.add("cabin", cylinder(0.1, 0.5), (-long * 0.12, 0.0, size[2]))
    else:
        mast, foot = draw(1.8, 3.2), draw(0.0, 0.15) * long
        shape.add("mast", rod((foot, 0.0, -0.1), (foot, 0.0, mast), 0.035, 0.02))
        sail = np.array([(foot - 0.05, 0.0, 0.35), (foot - long * 0.45, 0.0, 0.35), (foot - 0.05, 0.0, mast * 0.97)])
        jib = np.array([(foot + 0.08, 0.0, 0.3), (long * 0.48, 0.0, 0.2), (foot + 0.03, 0.0, mast * 0.85)])
        shape.add("mast", rod((foot, 0, 0.33), (foot - long * 0.45, 0, 0.33), 0.025))
        shape.add("sail", Mesh(np.stack([sail, jib]) if draw.chance(0.6) else sail[None]))
    return shape


def _open_hull(hull: np.ndarray) -> np.ndarray:
    stern = np.concatenate([hull[:1], np.broadcast_to(hull[:1, [0, -1]].mean(axis=1, keepdims=True), hull[:1].shape)])
    cells = [
        np.stack([g[:-1, :-1], g[1:, :-1], g[1:, 1:], g[:-1, :-1], g[1:, 1:], g[:-1, 1:]], axis=2).reshape(-1, 3, 3)
        for g in (hull, stern)
    ]
    return np.concatenate(cells)


CRAFT = (
    Category("airplane", ("body", "wing", "tail", "engine"), airplane, optional=("engine",)),
    Category("rocket", ("body", "nose", "fin"), rocket),
    Category("boat", ("hull", "cabin", "mast", "sail"), boat, optional=("cabin", "mast", "sail")),
)
