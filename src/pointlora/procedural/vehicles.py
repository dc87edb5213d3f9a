"""Vehicles on wheels, heading to +x: car, bicycle, skateboard."""

from __future__ import annotations

import numpy as np

from pointlora.procedural.assembly import ALONG_Y, Assembly, Category, Draw
from pointlora.procedural.components import spoked_wheel, wheel
from pointlora.procedural.meshes import body, loft, rounded_slab
from pointlora.procedural.primitives import Box, Ellipsoid, Torus, Tube, rod


def car(draw: Draw) -> Assembly:
    """A saloon, hatchback, van or pick-up: a lower body, a cabin, four wheels."""
    shape = Assembly()
    long, wide, radius = draw(3.4, 4.8), draw(1.5, 1.9), draw(0.28, 0.42)
    low, waist, roof = radius * draw(0.6, 1.0), draw(0.75, 1.0), draw(1.25, 1.6)
    kind = draw.pick("saloon", "hatch", "van", "pickup")
    if kind == "van":
        roof += draw(0.1, 0.5)
    half, mid, rise = wide / 2, (low + waist) / 2, (waist - low) / 2
    nose = draw(0.65, 0.95)
    stations = [
        (-long / 2, half * 0.9, rise * 0.8, mid),
        (-long * 0.44, half, rise, mid),
        (long * 0.25, half, rise, mid),
        (long * 0.45, half * 0.93, rise * nose, low + rise * nose),
        (long / 2, half * 0.82, rise * nose * 0.6, low + rise * nose * 0.7),
    ]
    shape.add("body", body(stations, exponent=5.0, vertices=24))
    back, front = {"saloon": (-0.36, 0.24), "hatch": (-0.47, 0.24), "van": (-0.49, 0.4), "pickup": (-0.1, 0.26)}[kind]
    rear, screen = draw(0.02, 0.06) if kind != "saloon" else draw(0.1, 0.16), draw(0.1, 0.18)
    bottom = np.array([(back, -1), (front, -1), (front, 1), (back, 1)], dtype=np.float64) * [long, half * 0.95]
    top = np.array([(back + rear, -1), (front - screen, -1), (front - screen, 1), (back + rear, 1)]) * [
        long,
        half * 0.78,
    ]
    sections = np.zeros((2, 4, 3))
    sections[0, :, :2], sections[1, :, :2] = bottom, top
    sections[:, :, 2] = [[waist - 0.05], [roof]]
    shape.add("roof", loft(sections))
    if kind == "pickup":
        for side in (-1.0, 1.0):
            shape.add("body", Box(long * 0.4, 0.06, 0.25), (-long * 0.29, side * half * 0.93, waist + 0.1))
    axle, width = long * draw(0.29, 0.34), draw(0.16, 0.26)
    for x in (-axle, axle):
        for side in (-1.0, 1.0):
            wheel(shape, (x, side * (half - width * 0.35), radius), radius, width)
    return shape


def bicycle(draw: Draw) -> Assembly:
    """Two spoked wheels, a diamond or step-through frame, a saddle and straight, drop or raised handlebars."""
    shape = Assembly()
    radius, tyre = draw(0.3, 0.37), draw(0.012, 0.04)
    base, tube = draw(0.95, 1.15), draw(0.015, 0.028)
    spokes = draw.count(4, 9)
    for x in (-base / 2, base / 2):
        spoked_wheel(shape, x, radius, radius, tyre, spokes, "wheel")
    crank, seat = (-0.07, 0.0, radius * 0.9), (-0.2, 0.0, draw(0.7, 0.85))
    head = (base / 2 - draw(0.16, 0.24), 0.0, draw(0.7, 0.88))
    low = (head[0] + 0.03, 0.0, head[2] - 0.14)
    rear, front = (-base / 2, 0.0, radius), (base / 2, 0.0, radius)
    top = seat if draw.chance(0.7) else tuple(0.5 * (a + b) for a, b in zip(crank, seat, strict=True))
    for a, b in ((crank, seat), (seat, rear), (crank, rear), (crank, low), (top, low), (low, head), (low, front)):
        shape.add("frame", rod(a, b, tube))
    shape.add("frame", Torus(0.08, 0.012), crank, ALONG_Y)
    for side in (-1.0, 1.0):
        tip = (crank[0] + side * 0.12, side * 0.08, crank[2] - side * 0.1)
        shape.add("frame", rod((crank[0], side * 0.05, crank[2]), tip, 0.012))
        shape.add("frame", Box(0.09, 0.08, 0.02), (tip[0], tip[1] + side * 0.04, tip[2]))
    rise = draw(0.05, 0.16)
    shape.add("frame", rod(seat, (seat[0] - 0.03, 0, seat[2] + rise), tube * 0.8))
    shape.add("saddle", Ellipsoid(0.14, draw(0.05, 0.09), 0.035), (seat[0], 0.0, seat[2] + rise + 0.03))
    wide, up, back = draw(0.2, 0.32), draw(0.03, 0.15), draw.pick(-0.12, 0.02, 0.1)
    drop = -0.12 if back > 0.05 else 0.0
    for side in (-1.0, 1.0):
        stem = (head[0], 0.0, head[2] + up)
        path = [head, stem, (head[0] + back * 0.5, side * wide, stem[2]), (head[0] + back, side * wide, stem[2] + drop)]
        shape.add("handlebar", Tube(path, 0.016))
    return shape


def skateboard(draw: Draw) -> Assembly:
    """A deck with upturned ends, two trucks and four wheels."""
    shape = Assembly()
    long, wide, kick = draw(1.5, 2.4), draw(0.38, 0.56), draw(0.05, 0.25)
    radius, thick = draw(0.06, 0.11), draw(0.02, 0.045)
    deck = radius * 2.0 + draw(0.03, 0.09)
    if draw.chance(0.75):
        t = np.linspace(-1.0, 1.0, 17)
        half = wide / 2 * (1.0 - np.abs(t) ** draw(6.0, 14.0)) ** 0.5 + 1e-3
        lift = kick * np.maximum(np.abs(t) - draw(0.6, 0.75), 0.0) / 0.3
        stations = [
            (long / 2 * a, b, thick / 2, deck + c)
            for a, b, c in zip(t.tolist(), half.tolist(), lift.tolist(), strict=True)
        ]
        shape.add("deck", body(stations, exponent=8.0, vertices=12))
    else:
        shape.add("deck", rounded_slab(long, wide, thick, wide * draw(0.2, 0.5)), (0.0, 0.0, deck))
    axle, reach = long * draw(0.27, 0.36), wide * draw(0.35, 0.5)
    for x in (-axle, axle):
        shape.add("truck", rod((x, -reach, radius), (x, reach, radius), 0.025))
        shape.add("truck", Box(0.12, 0.16, deck - radius), (x, 0.0, (deck + radius) / 2))
        for side in (-reach, reach):
            wheel(shape, (x, side, radius), radius, draw(0.07, 0.12), rim=0.4)
    return shape


VEHICLES = (
    Category("car", ("body", "roof", "wheel"), car),
    Category("bicycle", ("frame", "wheel", "saddle", "handlebar"), bicycle),
    Category("skateboard", ("deck", "wheel", "truck"), skateboard),
)
