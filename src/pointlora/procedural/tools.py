"""Hand tools, lying with the handle along x: hammer, axe, screwdriver, wrench, knife."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import ALONG_X, ALONG_Y, Assembly, Category, Draw, turn
from pointlora.procedural.meshes import body, extrusion, loft
from pointlora.procedural.primitives import Box, Capsule, Revolution, cylinder, frustum


def _haft(shape: Assembly, draw: Draw, length: float, thick: float) -> None:
    """A wooden handle from x = -length to 0, oval, thicker at its end."""
    swell, waist = draw(1.0, 1.5), draw(0.75, 1.0)
    curve = draw.pick(0.0, draw(-0.06, 0.06)) * length
    stations = [
        (-length, thick * swell * 0.85, thick * swell * 0.7, 0.0),
        (-0.93 * length, thick * swell, thick * swell * 0.8, 0.0),
        (-0.5 * length, thick * waist, thick * waist * 0.75, 0.0),
        (0.08 * length, thick, thick * 0.75, 0.0),
    ]
    sway = [0.0, 0.0, curve, 0.0]
    mesh = body(stations, exponent=draw(2.0, 3.5), vertices=12)
    x_knots = [s[0] for s in stations]
    shape.add("handle", mesh.warped(lambda p: p + np.outer(np.interp(p[:, 0], x_knots, sway), [0.0, 1.0, 0.0])))


def hammer(draw: Draw) -> Assembly:
    """A claw, ball-peen or sledge hammer; the head lies along y."""
    shape = Assembly()
    length, thick = draw(0.9, 1.6), draw(0.035, 0.06)
    _haft(shape, draw, length, thick)
    style, size, reach = draw.pick("claw", "ball", "sledge"), draw(0.07, 0.12), draw(0.18, 0.32)
    if style == "sledge":
        size *= 1.3
        exponent = draw.pick(2.0, 6.0)
        ends = [(-reach, size * 0.9, size * 0.9, 0.0), (-reach * 0.85, size, size, 0.0)]
        stations = [*ends, *((-x, a, b, c) for x, a, b, c in reversed(ends))]
        shape.add("head", body(stations, exponent=exponent), rotation=turn("z", math.pi / 2))
        return shape
    shape.add("head", Box(size * 1.7, size * 2.0, size * 1.5))
    shape.add("head", frustum(size * 0.6, size * 0.65, reach * 0.6), (0.0, -size, 0.0), turn("x", math.pi / 2))
    face = frustum(size * 0.95, size, reach * 0.35)
    shape.add("head", face, (0.0, -size - reach * 0.6, 0.0), turn("x", math.pi / 2))
    if style == "ball":
        shape.add("head", Capsule(size * 0.8, size), (0.0, size + reach * 0.3, 0.0), ALONG_Y)
        return shape
    droop = draw(0.1, 0.3)
    for side in (-1.0, 1.0):
        t = np.linspace(0.0, 1.0, 6)[:, None]
        sway = np.concatenate([-droop * t**2, size + reach * t, side * size * (0.3 + 0.25 * t)], axis=1)
        half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
        sections = np.repeat(sway[:, None], 4, axis=1)
        sections[:, :, 0] += half[:, 0] * size * 0.5 * (1.0 - 0.85 * t)
        sections[:, :, 2] += half[:, 1] * size * 0.28
        shape.add("head", loft(sections))
    return shape


def axe(draw: Draw) -> Assembly:
    """An axe or a double axe; the blade points along y and flares."""
    shape = Assembly()
    length, thick = draw(0.8, 1.8), draw(0.035, 0.06)
    _haft(shape, draw, length, thick)
    reach, root, flare = draw(0.25, 0.45), draw(0.08, 0.13), draw(0.14, 0.34)
    fat = draw(0.05, 0.09)
    beard = draw(0.0, 0.6) * flare
    double = draw.chance(0.25)
    for side in (1.0, -1.0) if double else (1.0,):
        t = np.linspace(0.0, 1.0, 6)
        low, high = -root - (flare - root + beard) * t**2, root + (flare - root) * t**1.5
        width = fat * (1.0 - 0.97 * t)
        sections = np.stack(
            [
                np.stack([low, side * reach * t, -width], axis=1),
                np.stack([high, side * reach * t, -width], axis=1),
                np.stack([high, side * reach * t, width], axis=1),
                np.stack([low, side * reach * t, width], axis=1),
            ],
            axis=1,
        )
        shape.add("head", loft(sections))
    if not double:
        poll = draw(0.06, 0.16)
        shape.add("head", Box(root * 2, poll, fat * 2), (0.0, -poll / 2, 0.0))
    return shape


def screwdriver(draw: Draw) -> Assembly:
    """A fluted or smooth grip and a thin shaft with a flat or pointed tip."""
    shape = Assembly()
    grip, radius, shaft, thin = draw(0.35, 0.6), draw(0.07, 0.14), draw(0.3, 1.1), draw(0.018, 0.035)
    waist = draw(0.55, 0.95)
    profile = [
        (0.0, 0.0),
        (0.7, 0.0),
        (1.0, 0.08),
        (1.0, draw(0.4, 0.7)),
        (waist, 0.82),
        (draw(0.5, 1.0), 0.95),
        (0.3, 1.0),
    ]
    shape.add("handle", Revolution(np.array(profile) * [radius, grip]), (-grip, 0.0, 0.0), ALONG_X)
    shape.add("shaft", cylinder(thin, shaft), rotation=ALONG_X)
    if draw.chance(0.5):
        tip = [
            (shaft, thin, thin, 0.0),
            (shaft + 0.05, thin * 1.9, thin * 0.6, 0.0),
            (shaft + 0.1, thin * 1.5, thin * 0.2, 0.0),
        ]
        shape.add("shaft", body(tip, exponent=6.0, vertices=12))
    else:
        shape.add("shaft", frustum(thin, 0.3 * thin, 0.06), (shaft, 0.0, 0.0), ALONG_X)
    return shape


def _open_jaw(x: float, way: float, size: float, gap: float) -> list[tuple[float, float]]:
    """The outline of a fork at x that opens toward `way` (+1 or -1) along x, counter-clockwise from its root."""
    inner = gap * size
    right = [(0.0, -0.35), (0.5, -0.95), (1.1, -1.0), (1.75, -0.72)]
    ring = [(a * size, b * size) for a, b in right]
    ring += [(1.6 * size, -inner), (0.9 * size, -inner), (0.7 * size, 0.0)]
    ring += [(a, -b) for a, b in reversed(ring[:-1])]
    return [(x + way * a, way * b) for a, b in ring]


def wrench(draw: Draw) -> Assembly:
    """An open-ended, ring or combination wrench."""
    shape = Assembly()
    length, wide, thick = draw(0.9, 1.5), draw(0.05, 0.08), draw(0.035, 0.06)
    shape.add("handle", Box(length, 2 * wide, thick), (0.0, 0.0, thick / 2))
    size = wide * draw(2.2, 3.0)
    kinds = draw.pick(("open", "open"), ("open", "ring"), ("ring", "ring"), ("open", "none"))
    for way, kind in zip((1.0, -1.0), kinds, strict=True):
        scale, x = size * draw(0.75, 1.0), way * length * 0.48
        skew = turn("z", draw(-0.25, 0.25))
        if kind == "open":
            jaw = extrusion(_open_jaw(0.0, way, scale, draw(0.4, 0.6)), thick * 1.3)
            shape.add("jaw", jaw, (x, 0.0, -0.15 * thick), skew)
        elif kind == "ring":
            inner, outer = draw(0.55, 0.7) * scale, scale
            ring = [(inner, 0.0), (outer, 0.0), (outer, thick * 1.3), (inner, thick * 1.3), (inner, 0.0)]
            shape.add("jaw", Revolution(ring), (x + way * outer * 0.9, 0.0, -0.15 * thick))
    return shape


def knife(draw: Draw) -> Assembly:
    """A kitchen knife, cleaver or dagger, lying on its side."""
    shape = Assembly()
    blade, deep, fat = draw(0.7, 1.4), draw(0.1, 0.34), draw(0.012, 0.03)
    style = draw.pick("chef", "cleaver", "dagger")
    t = np.linspace(0.0, 1.0, 9)
    if style == "chef":
        low, high = -deep * (1.0 - t ** draw(1.5, 3.5)), deep * draw(0.0, 0.25) * (1.0 - t**2)
    elif style == "cleaver":
        deep *= 1.4
        low, high = np.full(9, -deep), np.full(9, deep * 0.15)
    else:
        low = -0.4 * deep * (1.0 - t ** draw(2.0, 5.0))
        high = -low
    width = np.full(9, fat)
    sections = np.stack(
        [
            np.stack([blade * t, -0.1 * width, low], axis=1),
            np.stack([blade * t, 0.1 * width, low], axis=1),
            np.stack([blade * t, width, high], axis=1),
            np.stack([blade * t, -width, high], axis=1),
        ],
        axis=1,
    )
    shape.add("blade", loft(sections))
    grip, thick = draw(0.4, 0.6), draw(0.03, 0.06)
    tall, top = draw(0.05, 0.085), float(high[0]) - 0.02
    stations = [
        (-grip, thick, tall * 1.1, top - tall),
        (-grip * 0.5, thick, tall * draw(0.75, 1.0), top - tall),
        (0.02, thick, tall, top - tall),
    ]
    shape.add("handle", body(stations, exponent=draw(2.5, 5.0), vertices=12))
    if style == "dagger" or draw.chance(0.2):
        shape.add("handle", Box(0.04, 0.1, draw(0.2, 0.4)), (0.0, 0.0, float(high[0] + low[0]) / 2))
    return shape.turned(turn("x", math.pi / 2))


TOOLS = (
    Category("hammer", ("head", "handle"), hammer),
    Category("axe", ("head", "handle"), axe),
    Category("screwdriver", ("handle", "shaft"), screwdriver),
    Category("wrench", ("jaw", "handle"), wrench),
    Category("knife", ("blade", "handle"), knife),
)
