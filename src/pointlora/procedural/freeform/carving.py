"""Kinds made by cutting: bodies with holes, slots and pockets, chopped bodies, hollow containers, bored lumps."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Draw, turn
from pointlora.procedural.freeform.outlines import any_outline, superellipse
from pointlora.procedural.freeform.solids import Solid, ball, box, frustum, half_space, in_ring, in_rows, prism
from pointlora.procedural.freeform.stock import TURNS, any_body, even
from pointlora.procedural.freeform.surface import Surface, carved


def _tool(draw: Draw, wide: float, deep: float) -> Solid:
    """What cuts a hole along z: round, square, a slot, or of any outline."""
    match draw.pick("round", "round", "square", "slot", "figure", "cone"):
        case "round":
            return frustum(wide, wide, deep)
        case "square":
            return box(wide, wide * draw(0.6, 1.6), deep)
        case "slot":
            return prism(superellipse(4.0), wide * draw(1.5, 4.0), wide * 0.7, deep)
        case "cone":
            return frustum(0.6 * wide, 0.6 * wide, deep, draw(1.2, 2.0))
    return prism(any_outline(draw), wide, wide, deep)


def bored(draw: Draw) -> Surface:
    """A body with one to four holes through it or pockets into its faces."""
    body = any_body(draw, 0.7, 1.6)
    half, cuts = body.half, []
    for _ in range(draw.count(1, 4)):
        axis = draw.pick(0, 1, 2, 2)
        others = [k for k in range(3) if k != axis]
        room = float(half[others].min())
        tool = _tool(draw, 2.0 * room * draw(0.2, 0.7), 2.0 * float(half[axis]))
        through = draw.chance(0.5)
        place = np.zeros(3)
        place[others] = [float(half[k]) * draw.pick(0.0, 0.0, draw(-0.7, 0.7)) for k in others]
        place[axis] = 0.0 if through else float(half[axis]) * draw.pick(-1.0, 1.0) * draw(1.0, 1.8)
        tool = tool.transformed(np.diag([1.0, 1.0, 1.3 if through else 1.0])).transformed(_AXES[axis])
        cuts.append(tool.at(*place.tolist()))
    return carved([body], cuts)


def patterned(draw: Draw) -> Surface:
    """A body with equal holes or grooves in rows or in a ring."""
    x, y, z = even(draw, 0.8, 2.0), even(draw, 0.8, 2.0), even(draw, 0.15, 1.0)
    if draw.chance(0.5):
        body = box(x, y, z)
        counts = (draw.count(1, 6), draw.count(1, 5))
        pitch = (x / counts[0], y / counts[1])
        wide = min(*pitch) * draw(0.3, 0.8)
        match draw.pick("round", "square", "groove"):
            case "round":
                tool = frustum(wide, wide, 1.5 * z)
            case "square":
                tool = box(pitch[0] * draw(0.3, 0.85), pitch[1] * draw(0.3, 0.85), 1.5 * z)
            case _:
                counts, tool = (counts[0], 1), box(pitch[0] * draw(0.3, 0.6), 1.2 * y, 1.2 * z)
        depth = draw.pick(0.0, draw(0.4, 1.2)) * z
        return carved([body], [in_rows(tool, counts, pitch).at(0.0, 0.0, depth)])
    round_body = draw.pick(frustum(x, x, z, draw(0.7, 1.0)), prism(any_outline(draw, plain=True), x, x, z))
    count, reach = draw.count(3, 12), draw.pick(0.5, draw(0.25, 0.33)) * x
    wide = min(1.8 * reach * math.sin(math.pi / count), 0.3 * x) * draw(0.5, 0.9)
    hole = draw.pick(frustum(wide, wide, 1.5 * z), box(2.0 * wide, wide, 1.5 * z)).at(reach, 0.0, 0.0)
    cuts = [in_ring(hole, count)]
    if draw.chance(0.6):
        cuts.append(_tool(draw, 2.0 * max(reach - wide, 0.1) * draw(0.3, 0.8), 1.5 * z))
    return carved([round_body], cuts)


def chopped(draw: Draw) -> Surface:
    """A body with one to three pieces cut off along planes, or only what lies within another body."""
    body = any_body(draw, 0.7, 1.4)
    reach = float(np.sqrt((body.half**2).sum()))
    cuts = []
    if draw.chance(0.35):
        other = any_body(draw, 0.7, 1.4).transformed(turn(draw.pick("x", "y", "z"), draw.pick(0.0, draw(-1.0, 1.0))))
        size = draw(0.75, 1.0) * float((body.half / other.half).max())
        cuts.append(other.transformed(np.eye(3) * size).outside())
    for _ in range(draw.count(0 if cuts else 1, 3)):
        plane = half_space(2.0 * reach).at(0.0, 0.0, draw(0.05, 0.8) * float(body.half.min()))
        tilt, around = draw.pick(math.pi / 4, math.pi / 2, 0.0, draw(0.0, math.pi)), draw.pick(0.0, draw(0.0, 6.28))
        cuts.append(plane.transformed(turn("z", around) @ turn(draw.pick("x", "y"), tilt)))
    return carved([body], cuts)


def container(draw: Draw) -> Surface:
    """An open box, tray, cup or tube with walls: cells inside, cut-outs in the walls, feet, a lip or a lid ajar."""
    x, y, z = even(draw, 0.7, 1.6), even(draw, 0.7, 1.6), even(draw, 0.15, 1.4)
    wall, taper = draw(0.02, 0.12), draw.pick(1.0, 1.0, draw(0.8, 1.4))
    outline = draw.pick(None, None, any_outline(draw, plain=True))
    floor = draw.pick(wall, wall, -0.1)

    def block(scale: float) -> Solid:
        if outline is None:
            return box(x - 2 * wall, y - 2 * wall, z) if scale < 1.0 else box(x, y, z)
        inner = 1.0 - 2.0 * wall / min(x, y) if scale < 1.0 else 1.0
        return prism(outline, inner * x, inner * y, z, taper)

    solids, cuts = [block(1.0)], []
    columns, rows = draw.pick((1, 1), (1, 1), (draw.count(1, 5), draw.count(1, 4)))
    if outline is None and columns * rows > 1:
        pitch = ((x - wall) / columns, (y - wall) / rows)
        cuts.append(in_rows(box(pitch[0] - wall, pitch[1] - wall, z), (columns, rows), pitch).at(0.0, 0.0, floor))
    else:
        cuts.append(block(0.0).at(0.0, 0.0, floor))
    if draw.chance(0.3):
        side = draw.pick(0, 1)
        window = box(*((2.2 * x, 0.5 * y) if side else (0.5 * x, 2.2 * y)), z * draw(0.3, 0.8))
        cuts.append(window.at(0.0, 0.0, z * draw.pick(0.5, 0.0)))
    if draw.chance(0.3):
        foot, tall = draw(0.06, 0.15), draw(0.05, 0.5) * z
        pitch = (0.7 * x - foot, 0.7 * y - foot)
        solids.append(in_rows(frustum(foot, foot, tall), (2, 2), pitch).at(0.0, 0.0, -z / 2 - 0.45 * tall))
    if draw.chance(0.2):
        lid = box(1.02 * x, 1.02 * y, wall).at(x / 2, 0.0, 0.0).transformed(turn("y", -draw(0.0, 2.0)))
        at_x, at_y, at_z = lid.offset.tolist()
        solids.append(lid.at(at_x - x / 2, at_y, at_z + z / 2 + wall))
    return carved(solids, cuts)


def hollow(draw: Draw) -> Surface:
    """A thin shell that is open on one side: part of a ball, a cylinder, a box or a prism, cut by planes."""
    body = draw.pick(any_body(draw, 0.8, 1.3), ball(1.2, 1.2, even(draw, 0.6, 1.6)))
    inner = Solid(body.unit, body.test, body.matrix * draw(0.82, 0.95), body.offset)
    reach = 2.0 * float(body.half.max())
    side = draw.pick(0, 1, 2)
    opening = half_space(reach).at(0.0, 0.0, draw(-0.3, 0.7) * float(body.half[side]))
    cuts = [inner, opening.transformed(_AXES[side])]
    if draw.chance(0.4):
        second = half_space(reach).at(0.0, 0.0, draw(0.1, 0.6) * float(body.half.min()))
        cuts.append(second.transformed(turn("z", draw(0.0, 6.28)) @ turn("x", math.pi / 2)))
    return carved([body], cuts)


_AXES = (TURNS[1], TURNS[2], TURNS[0])
