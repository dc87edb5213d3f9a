"""Devices and instruments: laptop, display, guitar, drill."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import ALONG_X, Assembly, Category, Draw, turn
from pointlora.procedural.meshes import bend, body, prism, rounded_slab, slab
from pointlora.procedural.primitives import Box, Tube, cylinder, frustum, rod


def laptop(draw: Draw) -> Assembly:
    """A keyboard half and a screen hinged at the back, opened at any angle."""
    shape = Assembly()
    depth, wide, thick, angle = draw(0.6, 0.85), draw(0.85, 1.2), draw(0.02, 0.07), draw(1.0, 2.5)
    shape.add("keyboard", rounded_slab(depth, wide, thick, draw(0.01, 0.08)), (0.0, 0.0, thick / 2))
    shape.add("keyboard", Box(depth * 0.45, wide * 0.85, 0.012), (-depth * 0.12, 0.0, thick))
    shape.add("keyboard", Box(depth * 0.22, wide * 0.28, 0.008), (depth * 0.32, 0.0, thick))
    lid = thick * draw(0.4, 0.9)
    at = (-depth / 2 + depth / 2 * math.cos(angle), 0.0, thick + depth / 2 * math.sin(angle))
    shape.add("screen", rounded_slab(depth, wide, lid, 0.03), at, turn("y", -angle))
    shape.add("screen", rod((-depth / 2, -wide * 0.4, thick), (-depth / 2, wide * 0.4, thick), thick * 0.5))
    return shape


def display(draw: Draw) -> Assembly:
    """A flat or curved screen on a foot, two feet or a neck, or an old deep monitor."""
    shape = Assembly()
    wide = draw(0.9, 1.6)
    tall, thick, rise = wide * draw(0.5, 0.75), draw(0.02, 0.09), draw(0.08, 0.35)
    curvature = draw.pick(0.0, 0.0, draw(0.2, 0.7))
    panel = slab(thick, wide, tall).warped(lambda p: bend(p, curvature))
    shape.add("screen", panel, (0.0, 0.0, rise + tall / 2), turn("y", draw(-0.15, 0.05)))
    if draw.chance(0.2):
        deep = draw(0.3, 0.6)
        tube = [
            (-deep, wide * 0.25, tall * 0.25, 0.0),
            (-deep * 0.3, wide * 0.46, tall * 0.46, 0.0),
            (0.0, wide * 0.48, tall * 0.48, 0.0),
        ]
        shape.add("screen", body(tube, exponent=6.0), (0.0, 0.0, rise + tall / 2))
    if draw.chance(0.25):
        for side in (-0.35, 0.35):
            foot = draw(0.15, 0.25)
            shape.add(
                "stand", Tube([(foot, side * wide, 0.0), (0.0, side * wide, rise), (-foot, side * wide, 0.0)], 0.02)
            )
        return shape
    shape.add("stand", Box(0.04, draw(0.08, 0.25), rise + tall * 0.4), (-thick - 0.03, 0.0, (rise + tall * 0.4) / 2))
    if draw.chance(0.5):
        shape.add("stand", cylinder(draw(0.18, 0.28), 0.03), (-0.03, 0.0, 0.0))
    else:
        shape.add("stand", Box(draw(0.2, 0.35), wide * draw(0.25, 0.5), 0.03), (-0.03, 0.0, 0.015))
    return shape


def guitar(draw: Draw) -> Assembly:
    """An acoustic or electric guitar lying on its back, neck along +x."""
    shape = Assembly()
    electric = draw.chance(0.45)
    long, lower = draw(0.8, 1.05), draw(0.33, 0.45)
    upper, waist = lower * draw(0.65, 0.85), lower * draw(0.5, 0.75)
    deep = draw(0.05, 0.1) if electric else draw(0.16, 0.28)
    x = np.array([0.0, 0.03, 0.12, 0.28, 0.42, 0.56, 0.7, 0.85, 0.95, 1.0])
    y = np.array([0.3, 0.6, 0.92, 1.0, 0.88, 0.0, 0.0, 0.0, 0.0, 0.25]) * lower
    y[5:9] = [waist, 0.5 * (waist + upper), upper, upper * 0.75]
    right, left = np.stack([x * long, -y], axis=1), np.stack([x * long, y], axis=1)[::-1]
    if electric:  # two horns beside the neck, the upper one longer
        reach = draw(0.05, 0.25) * long
        right[-2:] += [[0.6 * reach, 0.0], [0.0, 0.0]]
        left[:2] += [[0.0, 0.0], [reach, 0.0]]
    elif draw.chance(0.3):
        left[1:3, 1] *= 0.35
    outline = np.concatenate([right, left])
    shape.add("body", prism(outline, outline, deep))
    neck, width = draw(0.85, 1.2), draw(0.07, 0.1)
    shape.add("neck", Box(neck + 0.2, width, 0.05), (long + neck / 2 - 0.1, 0.0, deep))
    end, tilt, head = long + neck, draw(0.0, 0.3), draw(0.22, 0.34)
    wide = width * draw(1.3, 2.0)
    tip = (end + head / 2 * math.cos(tilt), 0.0, deep - head / 2 * math.sin(tilt))
    shape.add("head", Box(head, wide, 0.035), tip, turn("y", tilt))
    pegs = draw.count(2, 3)
    for side in (-1.0, 1.0):
        for k in range(pegs):
            along = head * (k + 0.5) / pegs
            peg = (end + along * math.cos(tilt), side * wide / 2, deep - along * math.sin(tilt))
            shape.add("head", rod(peg, (peg[0], peg[1] + side * 0.06, peg[2]), 0.018))
    shape.add("body", Box(0.05, lower * 0.6, 0.05), (long * 0.27, 0.0, deep + 0.02))
    if not electric:
        shape.add("body", frustum(draw(0.11, 0.15), 0.11, 0.01, closed=False), (long * 0.62, 0.0, deep))
    return shape


def drill(draw: Draw) -> Assembly:
    """A pistol-shaped cordless drill: motor along +x, chuck and bit, a slanted grip, a battery."""
    shape = Assembly()
    length, radius = draw(0.55, 0.85), draw(0.12, 0.18)
    stations = [
        (-length / 2, radius * 0.7, radius * 0.7, 0.0),
        (-length * 0.4, radius, radius, 0.0),
        (length * 0.25, radius, radius, 0.0),
        (length / 2, radius * draw(0.6, 0.9), radius * 0.75, 0.0),
    ]
    shape.add("body", body(stations, exponent=draw(2.0, 3.5)))
    chuck, bit = draw(0.12, 0.25), draw(0.1, 0.5)
    shape.add("chuck", frustum(radius * 0.6, radius * draw(0.3, 0.5), chuck), (length / 2, 0.0, 0.0), ALONG_X)
    shape.add("chuck", rod((length / 2 + chuck, 0, 0), (length / 2 + chuck + bit, 0, 0), 0.02, 0.012))
    grip, slant, at = draw(0.4, 0.65), draw(0.0, 0.35), draw(-0.4, 0.1) * length
    foot = at - grip * math.sin(slant)
    stations = [
        (-grip, radius * 0.6, radius * 0.45, foot),
        (-grip / 2, radius * 0.5, radius * 0.42, (at + foot) / 2),
        (0.0, radius * 0.6, radius * 0.5, at),
    ]
    shape.add("grip", body(stations, "z", 3.0))
    shape.add("grip", Box(0.05, 0.04, 0.1), (at + radius * 0.65, 0.0, -radius - 0.06))
    if draw.chance(0.75):
        size = (draw(0.3, 0.42), radius * draw(1.3, 1.9), draw(0.1, 0.2))
        shape.add("battery", Box(*size), (foot + draw(-0.02, 0.06), 0.0, -grip - size[2] / 2))
    return shape


DEVICES = (
    Category("laptop", ("keyboard", "screen"), laptop),
    Category("display", ("screen", "stand"), display),
    Category("guitar", ("body", "neck", "head"), guitar),
    Category("drill", ("body", "chuck", "grip", "battery"), drill, optional=("battery",)),
)
