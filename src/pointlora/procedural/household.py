"""Fixtures of a household: lamp, bin, toilet, sink."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Assembly, Category, Draw
from pointlora.procedural.meshes import body
from pointlora.procedural.primitives import Box, Ellipsoid, Revolution, Tube, cylinder, frustum, rod


def lamp(draw: Draw) -> Assembly:
    """A floor or table lamp with a conical shade, or a jointed desk lamp."""
    shape = Assembly()
    foot = draw(0.16, 0.3)
    if draw.chance(0.35):
        shape.add("base", frustum(foot, foot * draw(0.6, 1.0), draw(0.03, 0.1)))
        knee = (-draw(0.1, 0.3), 0.0, draw(0.4, 0.6))
        tip = (draw(0.15, 0.5), 0.0, draw(0.6, 0.95))
        shape.add("pole", Tube([(0.0, 0.0, 0.03), knee, tip], 0.02))
        big, long, lean = draw(0.12, 0.2), draw(0.18, 0.3), draw(0.0, 0.8)
        end = (tip[0] + long * math.sin(lean), 0.0, tip[2] - long * math.cos(lean))
        shape.add("shade", Tube([tip, end], [0.05, big], closed=False))
        shape.add("shade", Ellipsoid(0.06, 0.06, 0.06), tip)
        return shape
    height, wide = draw(0.5, 1.7), draw(0.2, 0.42)
    narrow, tall = wide * draw(0.35, 1.0), draw(0.2, 0.45)
    style = draw.pick("disc", "urn", "tripod")
    if style == "disc":
        shape.add("base", frustum(foot, foot * draw(0.5, 1.0), draw(0.02, 0.08)))
    elif style == "urn":
        bulge = height * draw(0.15, 0.4)
        angles = np.linspace(-1.2, 1.35, 9)
        profile = np.stack([foot * 0.9 * np.cos(angles), bulge * (np.sin(angles) + 0.93)], axis=1)
        shape.add("base", Revolution(np.concatenate([[[0.0, 0.0]], profile])))
    else:
        for k in range(3):
            angle = 2.0 * math.pi * k / 3
            tip = (foot * 1.4 * math.cos(angle), foot * 1.4 * math.sin(angle), 0.0)
            shape.add("base", rod((0.0, 0.0, height * 0.5), tip, 0.018))
    shape.add("pole", cylinder(draw(0.012, 0.03), height))
    shape.add("shade", frustum(wide, narrow, tall, closed=False), (0.0, 0.0, height - tall * draw(0.3, 0.8)))
    return shape


def waste_bin(draw: Draw) -> Assembly:
    """An open or lidded bin, round or square, sometimes on wheels."""
    shape = Assembly()
    height, top, bottom = draw(0.9, 1.9), draw(0.45, 0.7), draw(0.3, 0.55)
    bottom = min(bottom, top)
    lid = draw.pick("none", "none", "dome", "flap")
    deep = draw.pick(1.0, draw(0.6, 1.0))
    exponent = draw.pick(2.0, 2.0, 6.0, 10.0)
    stations = [(0.0, bottom * deep, bottom, 0.0), (height, top * deep, top, 0.0)]
    shape.add("body", body(stations, "z", exponent, 24, capped=False))
    floor = [(0.0, bottom * deep, bottom, 0.0), (0.03, bottom * deep, bottom, 0.0)]
    shape.add("body", body(floor, "z", exponent, 24))
    if lid == "none":
        rim = [(height, top * deep, top, 0.0), (height, 1.07 * top * deep, 1.07 * top, 0.0)]
        shape.add("body", body(rim, "z", exponent, 24, capped=False))
        return shape
    rise = draw(0.15, 0.5) if lid == "dome" else draw(0.05, 0.1)
    shrink = 0.5 if lid == "dome" else 0.95
    crown = [(height, top * deep * 1.05, top * 1.05, 0.0), (height + rise * 0.6, top * deep * 0.9, top * 0.9, 0.0)]
    shape.add("lid", body([*crown, (height + rise, top * deep * shrink, top * shrink, 0.0)], "z", exponent, 24))
    if lid == "flap" and draw.chance(0.5):
        for side in (-1.0, 1.0):
            tip = (-bottom * deep, side * bottom * 0.95, 0.1)
            shape.add("wheel", rod(tip, (tip[0], tip[1] + side * 0.08, 0.1), 0.12))
    return shape


def toilet(draw: Draw) -> Assembly:
    """A bowl on a foot with a seat, a lid (open or shut) and a tank behind."""
    shape = Assembly()
    long, wide, height = draw(0.22, 0.3), draw(0.17, 0.22), draw(0.34, 0.44)
    foot = draw(0.5, 0.8)
    stations = [
        (0.0, long * foot, wide * foot, -0.06),
        (height * 0.35, long * foot * 0.9, wide * foot * 0.85, -0.05),
        (height * 0.75, long * 0.92, wide * 0.92, 0.0),
        (height, long, wide, 0.0),
    ]
    shape.add("bowl", body(stations, "z", 2.3, 24, capped=False))
    shape.add("bowl", body([(height, long * 0.75, wide * 0.7, 0), (height * 0.6, long * 0.4, wide * 0.4, 0)], "z", 2.0))
    ring = [(height, long, wide, 0.0), (height + 0.02, long, wide, 0.0), (height + 0.02, long * 0.72, wide * 0.68, 0.0)]
    shape.add("seat", body(ring, "z", 2.2, 24, capped=False))
    cover = body([(-0.015, long * 0.98, wide * 0.98, long), (0.015, long * 0.98, wide * 0.98, long)], "z", 2.2, 24)
    angle = draw.pick(0.0, draw(1.4, 1.75))
    c, s = math.cos(angle), math.sin(angle)
    tip_up = np.array([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
    shape.add("seat", cover, (-long, 0.0, height + 0.04), tip_up)
    tank_height, tank_deep, tank_wide = draw(0.3, 0.45), draw(0.14, 0.2), draw(0.32, 0.46)
    back, base = -long - tank_deep / 2 - 0.02, height * draw(0.75, 1.0)
    shape.add("tank", Box(tank_deep, tank_wide, tank_height), (back, 0.0, base + tank_height / 2))
    shape.add("tank", Box(tank_deep + 0.03, tank_wide + 0.03, 0.03), (back, 0.0, base + tank_height))
    shape.add("bowl", Box(tank_deep + 0.1, wide * foot * 1.4, base), (back + 0.08, 0.0, base / 2))
    return shape


def sink(draw: Draw) -> Assembly:
    """A wash basin with a tap, on a column, a counter or the wall."""
    shape = Assembly()
    long, wide, deep = draw(0.2, 0.3), draw(0.24, 0.42), draw(0.12, 0.22)
    exponent = draw.pick(2.0, 3.0, 8.0)
    high = draw(0.75, 0.9)
    outer = [
        (high - deep, long * 0.5, wide * 0.5, 0.0),
        (high - deep * 0.4, long * 0.9, wide * 0.9, 0.0),
        (high, long, wide, 0.0),
    ]
    inner = [
        (high, long * 0.85, wide * 0.88, 0.0),
        (high - deep * 0.5, long * 0.7, wide * 0.75, 0.0),
        (high - deep * 0.8, 0.05, 0.05, 0.0),
    ]
    shape.add("basin", body(outer + inner, "z", exponent, 24))
    base = draw.pick("column", "counter", "wall")
    if base == "column":
        shape.add("stand", frustum(draw(0.1, 0.15), draw(0.07, 0.1), high - deep * 0.9))
    elif base == "counter":
        low = draw.pick(0.0, high - draw(0.15, 0.3))
        shape.add("stand", Box(2.2 * long, 2.4 * wide, high - deep * 0.4 - low), (0, 0, (high - deep * 0.4 + low) / 2))
    else:
        shape.add("stand", Tube([(0, 0, high - deep), (0, 0, high - deep - 0.2), (-long, 0, high - deep - 0.2)], 0.03))
    tall, reach, x = draw(0.1, 0.3), draw(0.1, 0.2), -long * 0.92
    path = [
        (x, 0, high),
        (x, 0, high + tall * 0.85),
        (x + reach * 0.4, 0, high + tall),
        (x + reach, 0, high + tall * 0.75),
    ]
    shape.add("tap", Tube(path, draw(0.013, 0.022)))
    for side in draw.pick((0.0,), (-0.1, 0.1)):
        shape.add("tap", Ellipsoid(0.03, 0.03, 0.03), (x, side, high + (tall if side == 0.0 else 0.03)))
    return shape


HOUSEHOLD = (
    Category("lamp", ("base", "pole", "shade"), lamp),
    Category("bin", ("body", "lid", "wheel"), waste_bin, optional=("lid", "wheel")),
    Category("toilet", ("bowl", "seat", "tank"), toilet),
    Category("sink", ("basin", "tap", "stand"), sink),
)
