"""Kinds made of whole bodies: stacks, blocks on a grid, mirrored sets, rows and rings of copies."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Draw, turn
from pointlora.procedural.freeform.outlines import superellipse
from pointlora.procedural.freeform.solids import Solid, ball, box, frustum, in_ring, in_rows, prism, ring
from pointlora.procedural.freeform.stock import TURNS, any_body, even, mirrored
from pointlora.procedural.freeform.surface import Surface, carved


def against(solid: Solid, other: Solid, axis: int, side: float, draw: Draw) -> Solid:
    """The body put against a face of another one, in the middle, flush with an edge, or anywhere on it."""
    own, theirs = solid.half, other.half
    place, square = other.offset.copy(), solid.boxlike and other.boxlike  # the edge of others may be out of reach
    for k in range(3):
        room, edge = float(theirs[k] - own[k]), 0.98 if square else 0.5
        place[k] += room * draw.pick(0.0, 0.0, edge, -edge, draw(-edge, edge))
    # A little inside, so that the face between the two isn't a part of the surface.
    place[axis] = other.offset[axis] + side * (theirs[axis] + own[axis] * 0.96)
    return solid.at(*place.tolist())


def stack(draw: Draw) -> Surface:
    """Two to eight bodies, each against a face of one before it."""
    solids = [any_body(draw, 0.5, 1.3, plain=True)]
    for _ in range(draw.count(1, 7)):
        axis, side = draw.pick((2, 1.0), (2, 1.0), (2, -1.0), (0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0))
        other = draw.pick(solids[-1], *solids)
        solids.append(against(any_body(draw, 0.2, 1.0), other, axis, side, draw))
    return carved(solids)


def tower(draw: Draw) -> Surface:
    """Bodies on one vertical axis, one on another."""
    solids, top, wide = [], 0.0, even(draw, 0.5, 1.5)
    for _ in range(draw.count(2, 6)):
        solid = any_body(draw, 0.25, 1.0)
        scale = wide / float(solid.half[:2].max()) / 2.0
        solid = solid.transformed(np.diag([scale, scale, draw(0.4, 1.0)]))
        high = float(solid.half[2])
        solids.append(solid.at(0.0, 0.0, top + 0.95 * high))
        top += 1.9 * high
        wide = even(draw, 0.35, 1.1) * draw.pick(wide, 1.0)
    return carved(solids)


def blocks(draw: Draw) -> Surface:
    """Equal blocks on a grid, grown from one by a random walk; a few are balls, cylinders or higher."""
    taken = [(0, 0, 0)]
    flat = draw.chance(0.3)
    for _ in range(draw.count(2, 11)):
        i, j, k = draw.pick(taken[-1], *taken)
        di, dj, dk = draw.pick((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 0 if flat else 1), (0, 0, 0))
        if (i + di, j + dj, k + dk) not in taken:
            taken.append((i + di, j + dj, k + dk))
    x, y, z = (draw(0.6, 1.4) for _ in range(3))
    size, odd = draw.pick(1.0, 1.0, draw(0.7, 0.95), 1.02), draw(0.0, 0.5)
    solids: list[Solid] = []
    for i, j, k in taken:
        kind = draw.pick("cylinder", "ball", "high", "small") if draw.chance(odd) else "box"
        body = ball(1, 1, 1) if kind == "ball" else frustum(1, 1, 1) if kind == "cylinder" else box(size, size, size)
        grown = 1.002 if size == 1.0 and len(solids) % 2 else 1.0
        body = body.transformed(
            np.diag([x, y, z * (1.4 if kind == "high" else 1.0)]) * (0.7 if kind == "small" else grown)
        )
        solids.append(body.at(i * x, j * y, k * z))
    return carved(solids)


def mirror_pair(draw: Draw) -> Surface:
    """A middle body and one to three more, each repeated on the other side of one or two planes."""
    solids = [any_body(draw, 0.4, 1.4, plain=True)]
    both = draw.chance(0.35)
    for _ in range(draw.count(1, 3)):
        body = any_body(draw, 0.25, 1.1)
        if draw.chance(0.25):
            body = body.transformed(turn(draw.pick("x", "y", "z"), draw(-1.0, 1.0)))
        axis, side = draw.pick((1, 1.0), (1, 1.0), (2, 1.0), (2, -1.0), (0, 1.0), (0, -1.0))
        body = against(body, solids[0], axis, side, draw)
        body = body.at(
            body.offset[0], draw.pick(body.offset[1], draw(0.3, 1.0) * float(solids[0].half[1])), body.offset[2]
        )
        solids += [body, mirrored(body, 1)]
        if both:
            solids += [mirrored(body, 0), mirrored(mirrored(body, 1), 0)]
    return carved(solids)


def row(draw: Draw) -> Surface:
    """Copies of a body in one or two directions, on a base, under a beam, or alone."""
    counts = draw.pick((draw.count(3, 8), 1), (draw.count(2, 5), draw.count(2, 5)))
    body = any_body(draw, 0.2, 1.0)
    if draw.chance(0.3):
        body = body.transformed(turn("y", draw(-0.8, 0.8)))
    gap = draw(1.05, 1.9)
    pitch = (2.0 * gap * float(body.half[0]), 2.0 * gap * float(body.half[1]))
    solids = [in_rows(body, counts, pitch)]
    long, wide = pitch[0] * counts[0], pitch[1] * counts[1]
    half, thick = float(body.half[2]), even(draw, 0.04, 0.4)
    support = draw.pick("base", "base", "beam", "both", "none")
    plate = box(long, wide, thick) if draw.chance(0.7) else prism(superellipse(6.0), 1.1 * long, 1.1 * wide, thick)
    if support in ("base", "both"):
        solids.append(plate.at(0.0, 0.0, -half - 0.45 * thick))
    if support in ("beam", "both"):
        solids.append(plate.at(0.0, 0.0, half + 0.45 * thick))
    if support == "none":
        solids.append(box(long, draw(0.1, 0.4) * wide, draw(0.1, 0.5) * half))
    return carved(solids)


def wheel_of_copies(draw: Draw) -> Surface:
    """A body repeated around an axis, on a disc, around a hub, within a rim, or alone."""
    count, reach = draw.count(3, 12), draw(0.6, 1.2)
    body = any_body(draw, 0.15, 0.8)
    if draw.chance(0.4):
        body = body.transformed(turn(draw.pick("x", "y"), draw(-0.7, 0.7)))
    room = reach * math.sin(math.pi / count)
    scale = min(1.0, 0.95 * room / float(body.half[1]))
    body = body.transformed(np.diag([draw.pick(1.0, scale), scale, 1.0])).at(reach, 0.0, 0.0)
    solids = [in_ring(body, count)]
    half, out = float(body.half[2]), reach + float(body.half[0])
    for part in draw.pick(("disc",), ("hub",), ("hub", "disc"), ("post",), ("hub", "rim"), ("dome",)):
        thick = even(draw, 0.05, 0.4)
        inner = max(reach - 0.8 * float(body.half[0]), 0.25 * reach)
        if part == "disc":
            wide = 2.0 * out * draw(0.85, 1.15)
            solids.append(frustum(wide, wide, thick, draw(0.8, 1.0)).at(0.0, 0.0, -half * draw.pick(1.0, 0.0)))
        elif part == "hub":
            solids.append(frustum(2.0 * inner, 2.0 * inner, 2.0 * half * draw(0.5, 1.4)))
        elif part == "post":
            solids += [frustum(inner, inner, 3.0 * half), frustum(2.2 * reach, 2.2 * reach, 0.3 * half)]
        elif part == "dome":
            solids.append(ball(2.1 * inner, 2.1 * inner, 3.0 * half))
        else:
            solids.append(ring(2.1 * out, 2.1 * out, half * draw(0.4, 1.6), draw(0.06, 0.14)))
    return carved(solids).turned(draw.pick(TURNS[0], TURNS[0], TURNS[1]))
