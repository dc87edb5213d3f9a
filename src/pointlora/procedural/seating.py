"""Seats: chair, stool, bench, sofa."""

from __future__ import annotations

import math

from pointlora.procedural.assembly import Assembly, Category, Draw
from pointlora.procedural.components import (
    cushion,
    flat_top,
    four_legs,
    panels,
    pedestal,
    runners,
    tilted,
)
from pointlora.procedural.meshes import Mesh, bend, slab
from pointlora.procedural.primitives import Box, Torus, Tube, cylinder, rod


def chair(draw: Draw) -> Assembly:
    """A seat for one with a back; four legs, pedestal or sled; sometimes arms."""
    shape = Assembly()
    depth, width, height = draw(0.38, 0.56), draw(0.38, 0.6), draw(0.34, 0.52)
    thick = draw(0.02, 0.1)
    round_seat = draw.chance(0.15)
    if round_seat:
        depth = width
        shape.add("seat", cylinder(width / 2, thick), (0.0, 0.0, height))
    else:
        top = draw.pick(flat_top(draw, depth, width, thick), cushion(depth, width, thick * 1.3))
        shape.add("seat", top, (0.0, 0.0, height + thick / 2))
    base = draw.pick("four", "four", "four", "pedestal", "sled", "panels")
    if base == "four":
        four_legs(shape, draw, depth / 2 * (0.75 if round_seat else 1), width / 2 * (0.75 if round_seat else 1), height)
    elif base == "pedestal":
        pedestal(shape, draw, max(depth, width) * draw(0.4, 0.6), height)
    else:
        (runners if base == "sled" else panels)(shape, draw, depth / 2, width / 2, height)
    _chair_back(shape, draw, -depth / 2 + 0.02, width, height + thick, draw(0.3, 0.7))
    if draw.chance(0.4):
        _arms(shape, draw, depth, width / 2, height + thick)
    return shape


def _chair_back(shape: Assembly, draw: Draw, x: float, width: float, low: float, height: float) -> None:
    lean, thick = draw(0.0, 0.3), draw(0.015, 0.06)
    rotation, style = tilted(lean), draw.pick("solid", "solid", "ladder", "slats", "floating")
    width *= draw(0.75, 1.0)

    def put(primitive: Mesh | Box, y: float, z: float) -> None:
        shape.add("back", primitive, (x - z * math.sin(lean), y, low + z * math.cos(lean)), rotation)

    def board(size_z: float) -> Mesh:
        curvature = draw.pick(0.0, draw(0.5, 2.2)) * 0.5 / width
        return slab(thick, width, size_z).warped(lambda p: bend(p, curvature))

    if style == "solid":
        put(board(height), 0.0, height / 2)
        return
    if style == "floating":
        part = height * draw(0.35, 0.6)
        put(board(part), 0.0, height - part / 2)
        for y in draw.pick((0.0,), (-width / 4, width / 4)):
            put(Box(0.03, 0.05, height), y, height / 2)
        return
    for side in (-1, 1):
        put(Box(0.035, 0.035, height), side * width / 2, height / 2)
    rail = draw(0.04, 0.12)
    put(slab(thick, width, rail), 0.0, height - rail / 2)
    if style == "ladder":
        rungs = draw.count(1, 4)
        for k in range(rungs):
            put(slab(thick, width, height * 0.4 / rungs), 0.0, height * (k + 0.6) / (rungs + 0.5))
    else:
        slats = draw.count(2, 6)
        for k in range(slats):
            put(Box(0.02, width * 0.4 / slats, height), width * ((k + 1) / (slats + 1) - 0.5), height / 2)


def _arms(shape: Assembly, draw: Draw, depth: float, y: float, low: float) -> None:
    height, radius = draw(0.15, 0.28), draw(0.012, 0.03)
    front = depth * draw(0.2, 0.45)
    solid = draw.chance(0.25)
    for side in (-y, y):
        if solid:
            shape.add("arm", Box(depth * 0.9, 2 * radius, height), (0.0, side, low + height / 2))
        else:
            path = [(front, side, low - 0.04), (front, side, low + height), (-depth / 2, side, low + height)]
            shape.add("arm", Tube(path, radius))


def stool(draw: Draw) -> Assembly:
    """A small seat without a back, low or bar-high."""
    shape = Assembly()
    width, height, thick = draw(0.26, 0.46), draw(0.3, 0.85), draw(0.02, 0.09)
    depth = width * draw.pick(1.0, draw(0.7, 1.0))
    if draw.chance(0.55):
        depth = width
        shape.add("seat", cylinder(width / 2, thick), (0.0, 0.0, height))
    else:
        top = draw.pick(flat_top(draw, depth, width, thick), cushion(depth, width, thick * 1.5))
        shape.add("seat", top, (0.0, 0.0, height + thick / 2))
    if draw.chance(0.6):
        four_legs(shape, draw, depth * 0.42, width * 0.42, height)
    else:
        pedestal(shape, draw, width * draw(0.4, 0.65), height)
    if height > 0.55 and draw.chance(0.6):
        shape.add("leg", Torus(width * draw(0.3, 0.45), 0.01), (0.0, 0.0, height * draw(0.25, 0.4)))
    return shape


def bench(draw: Draw) -> Assembly:
    """A long seat, plain or slatted, with or without a back."""
    shape = Assembly()
    depth, width, height, thick = draw(0.3, 0.5), draw(1.0, 1.9), draw(0.35, 0.5), draw(0.03, 0.08)
    slats = draw.pick(1, 1, draw.count(3, 5))
    for k in range(slats):
        x = depth * ((k + 0.5) / slats - 0.5)
        shape.add("seat", Box(depth / slats * (0.75 if slats > 1 else 1.0), width, thick), (x, 0.0, height + thick / 2))
    draw.pick(four_legs, panels, runners)(shape, draw, depth / 2, width / 2 * draw(0.75, 1.0), height)
    if draw.chance(0.5):
        tall, lean, boards = draw(0.3, 0.5), draw(0.05, 0.3), draw.count(1, 4)
        for k in range(boards):
            z = tall * (k + 0.7) / boards
            at = (-depth / 2 - z * math.sin(lean), 0.0, height + thick + z * math.cos(lean))
            shape.add("back", Box(0.03, width, tall / boards * 0.7), at, tilted(lean))
        for side in (-0.4, 0.4):
            foot = (-depth / 2, side * width, height)
            tip = (-depth / 2 - tall * math.sin(lean) - 0.03, side * width, height + thick + tall * math.cos(lean))
            shape.add("back", rod(foot, tip, 0.02))
    return shape


def sofa(draw: Draw) -> Assembly:
    """A stuffed seat for one to four with a thick back and arms; sometimes L-shaped."""
    shape = Assembly()
    seats = draw.count(1, 4)
    width, depth, height = seats * draw(0.55, 0.72), draw(0.6, 0.85), draw(0.3, 0.45)
    foot, back, arm = draw.pick(0.02, draw(0.05, 0.14)), draw(0.3, 0.55), draw(0.1, 0.24)
    shape.add("seat", Box(depth, width, (height - foot) * 0.55), (0.0, 0.0, foot + (height - foot) * 0.275))
    lean = draw(0.05, 0.25)
    for k in range(seats):
        y, w = width * ((k + 0.5) / seats - 0.5), width / seats
        shape.add("seat", cushion(depth, w, (height - foot) * 0.55), (0.02, y, foot + (height - foot) * 0.78))
        at = (-depth / 2 + 0.06 - back / 2 * math.sin(lean), y, height + back / 2 - 0.05)
        shape.add("back", cushion(draw(0.14, 0.2), w, back, 5.0), at, tilted(lean))
    arm_height = height + draw(0.08, 0.28)
    rounded = draw.chance(0.4)
    for side in (-1.0, 1.0):
        y = side * (width + arm) / 2
        shape.add("arm", Box(depth, arm, arm_height - foot), (0.0, y, (arm_height + foot) / 2))
        if rounded:
            shape.add("arm", rod((-depth / 2, y, arm_height), (depth / 2, y, arm_height), arm * 0.65))
        for x in (-0.4, 0.4):
            shape.add("leg", rod((x * depth, y, 0.0), (x * depth, y, foot), 0.02, 0.03))
    if seats > 1 and draw.chance(0.25):
        side = draw.pick(-1.0, 1.0) * width * (0.5 - 0.5 / seats)
        long = draw(0.4, 0.7)
        shape.add("seat", cushion(long, width / seats, height - foot), ((depth + long) / 2, side, (height + foot) / 2))
    return shape


SEATING = (
    Category("chair", ("back", "seat", "leg", "arm"), chair, optional=("arm",)),
    Category("stool", ("seat", "leg"), stool),
    Category("bench", ("seat", "leg", "back"), bench, optional=("back",)),
    Category("sofa", ("back", "seat", "arm", "leg"), sofa),
)
