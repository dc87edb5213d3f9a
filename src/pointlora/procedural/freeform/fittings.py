"""Kinds that hold others: studded plates and bricks, hinges, clips."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Draw, turn
from pointlora.procedural.freeform.curves import ribbon
from pointlora.procedural.freeform.outlines import superellipse
from pointlora.procedural.freeform.solids import box, frustum, half_space, in_rows, prism
from pointlora.procedural.freeform.stock import TURNS, any_body, even
from pointlora.procedural.freeform.surface import Surface, carved, joined


def studded(draw: Draw) -> Surface:
    """A plate, block, slope or round piece with studs in rows; hollow below, or with holes in its sides."""
    columns, rows = draw.count(1, 8), draw.count(1, 4)
    high = draw.pick(0.4, 1.2, 1.2, draw(0.2, 3.0))
    x, y, wall = float(columns), float(rows), draw(0.1, 0.2)
    body = box(x, y, high)
    stud, rise = draw(0.5, 0.75), draw(0.12, 0.35)
    one = frustum(stud, stud, rise, sides=12) if draw.chance(0.7) else box(stud, stud, rise)
    studs = in_rows(
        one,
        (columns, rows),
        (1.0, 1.0),
    )
    solids, cuts = [body], []
    style = draw.pick("plain", "plain", "slope", "arch", "half", "round")
    if style == "round":
        solids[0] = frustum(x, y, high)
        studs = in_rows(one, (max(columns - 1, 1), max(rows - 1, 1)), (1.0, 1.0))
    elif style == "half" and columns > 1:
        kept = columns // 2
        row = in_rows(one, (kept, rows), (1.0, 1.0))
        studs = row.at((kept - columns) / 2, 0.0, 0.0)
    elif style == "slope":
        angle = math.atan2(high * 0.8, x * 0.6)
        plane = half_space(2.0 * (x + y + high)).transformed(turn("y", angle))
        cuts.append(plane.at(-0.1 * x, 0.0, high / 2))
    elif style == "arch" and columns > 2:
        cuts.append(frustum(x - 2.0, 1.6 * high, 2 * y).transformed(turn("x", math.pi / 2)).at(0.0, 0.0, -high / 2))
    at_x = float(studs.offset[0])
    solids.append(studs.at(at_x, 0.0, high / 2 + 0.45 * rise))
    if draw.chance(0.5) and style in ("plain", "half"):
        cuts.append(box(x - 2 * wall, y - 2 * wall, high).at(0.0, 0.0, -wall))
        if columns > 1 and rows > 1:
            return joined([carved(solids, cuts), _tubes(columns, rows, stud, high)])
    elif draw.chance(0.4):
        hole = frustum(0.6, 0.6, 3.0 * y).transformed(turn("x", math.pi / 2))
        cuts.append(
            in_rows(hole, (max(columns - 1, 1), 1), (1.0, 1.0)).transformed(np.diag([1.0, 1.0, min(1.0, high)]))
        )
    return carved(solids, cuts)


def _tubes(columns: int, rows: int, size: float, high: float) -> Surface:
    tube = frustum(size, size, high)
    bore = frustum(0.75 * size, 0.75 * size, 1.2 * high)
    counts = (columns - 1, rows - 1)
    return carved([in_rows(tube, counts, (1.0, 1.0))], [in_rows(bore, counts, (1.0, 1.0))])


def hinge(draw: Draw) -> Surface:
    """Two leaves on a pin with knuckles, open at some angle, with holes; or a clevis or fork with a pin."""
    long, wide, thick = even(draw, 0.5, 2.0), even(draw, 0.3, 1.2), draw(0.04, 0.12)
    knuckle, count = draw(2.0, 4.5) * thick, draw.count(2, 6)
    angle = draw(0.0, 3.0)
    pin = frustum(0.5 * knuckle, 0.5 * knuckle, long * draw(1.0, 1.3))
    pitch = long / count
    barrel = in_rows(frustum(knuckle, knuckle, 0.93 * pitch).transformed(TURNS[2]), (1, count), (1.0, pitch))
    solids = [pin.transformed(TURNS[2]), barrel]
    cuts = []
    hole = frustum(0.2 * wide, 0.2 * wide, 6 * thick)
    holes = in_rows(hole, (1, draw.count(1, 3)), (1.0, 0.33 * long))
    for side, tilt in ((1.0, 0.0), (-1.0, angle)):
        leaf = box(wide, 0.98 * long, thick) if draw.chance(0.7) else prism(superellipse(5.0), wide, long, thick)
        rotation = turn("y", tilt)
        solids.append(leaf.at(side * wide / 2, 0.0, 0.0).transformed(rotation))
        if draw.chance(0.8):
            cuts.append(holes.at(side * 0.6 * wide, 0.0, 0.0).transformed(rotation))
    return carved(solids, cuts).turned(draw.pick(*TURNS[:3]))


def clip(draw: Draw) -> Surface:
    """An open ring that grips, on a plate, a bar, a stem or another ring: clips, clamps, jaws, forks, ball sockets."""
    opening, width, thick = draw(0.6, 2.2), even(draw, 0.2, 1.2), draw(0.1, 0.35)
    angles = np.linspace(opening / 2, 2.0 * math.pi - opening / 2, 26) + math.pi / 2
    path = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if draw.chance(0.4):
        out = draw(0.1, 0.5)
        ends = path[[0, -1]] * [[1.0 + out, 1.0 + 0.5 * out]] + [[0.0, 0.2]]
        path = np.concatenate([ends[:1], path, ends[1:]])
    pieces = [Surface(ribbon(path, thick, width))]
    match draw.pick("plate", "bar", "stem", "second", "arms"):
        case "plate":
            plate = box(draw(1.0, 3.0), width * draw(1.0, 2.5), thick).at(draw(-0.5, 0.5), 0.0, -1.0 - thick / 2)
            pieces.append(carved([plate], [in_rows(frustum(0.3, 0.3, 1.0), (2, 1), (1.4, 1.0)).at(0.0, 0.0, -1.0)]))
        case "bar":
            bar = frustum(0.6, 0.6, draw(1.0, 4.0)).transformed(draw.pick(*TURNS[1:3]))
            pieces.append(Surface(bar.at(0.0, 0.0, -1.2).triangles()))
        case "stem":
            stem = any_body(draw, 0.3, 1.5, plain=True)
            pieces.append(Surface(stem.at(0.0, 0.0, -0.9 - float(stem.half[2])).triangles()))
        case "second":
            other = pieces[0].moved(
                turn(draw.pick("y", "z"), draw.pick(math.pi, math.pi / 2)), [0.0, 0.0, -2.0 - thick]
            )
            pieces.append(other)
        case _:
            arm = box(thick, width, draw(0.6, 2.0))
            pieces += [Surface(arm.at(side * 1.0, 0.0, -float(arm.half[2]) * 0.9).triangles()) for side in (-1.0, 1.0)]
    return joined(pieces).turned(draw.pick(*TURNS[:3]))
