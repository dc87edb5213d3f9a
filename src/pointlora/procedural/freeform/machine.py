"""Kinds of machine elements: gears, racks, threads, axles, pulleys, cams."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Draw, turn
from pointlora.procedural.freeform.outlines import any_outline, cross, flattened, gear, pebble, polygon, superellipse
from pointlora.procedural.freeform.solids import Solid, ball, box, frustum, half_space, in_ring, in_rows, prism, ring
from pointlora.procedural.freeform.stock import TURNS, any_body, even
from pointlora.procedural.freeform.surface import Surface, carved, joined
from pointlora.procedural.meshes import cells


def _bore(draw: Draw, wide: float, deep: float) -> Solid:
    """A hole for a shaft: round, keyed, square, hexagonal or crossed."""
    outline = draw.pick(superellipse(2.0), flattened(0.7), polygon(4), polygon(6), cross(0.35))
    return prism(outline, wide, wide, deep)


def toothed(draw: Draw) -> Surface:
    """A gear, sprocket, ratchet or knob: teeth, a hub, a web that is thinner, spokes or holes, a bore; or bevelled."""
    teeth, thick = draw.count(6, 28), even(draw, 0.1, 0.8)
    outline = gear(teeth, min(draw(0.08, 0.3), 4.0 / teeth), draw(0.15, 0.45), draw(0.2, 0.45))
    if draw.chance(0.2):
        count = draw.count(5, 16)
        outline = outline_of_ratchet(count, draw(0.1, 0.3))
    body = prism(outline, 2.0, 2.0, thick, draw.pick(1.0, 1.0, draw(0.5, 0.9)))
    solids, cuts, hub = [body], [], draw(0.3, 0.8)
    if draw.chance(0.6):
        solids.append(frustum(hub, hub, thick * draw(1.1, 3.0)).at(0.0, 0.0, draw.pick(0.0, 0.5 * thick)))
    if draw.chance(0.75):
        cuts.append(_bore(draw, hub * draw(0.3, 0.85), 5.0 * thick))
    inner = hub / 2 + 0.05
    if draw.chance(0.4) and inner < 0.6:
        count = draw.count(3, 7)
        reach = (inner + 0.68) / 2
        wide = min(0.68 - inner, 1.7 * reach * math.sin(math.pi / count)) * draw(0.6, 0.98)
        hole = draw.pick(frustum(wide, wide, 3 * thick), prism(polygon(3), wide, wide, 3 * thick))
        cuts.append(in_ring(hole.at(reach, 0.0, 0.0), count))
    return carved(solids, cuts).turned(draw.pick(TURNS[0], TURNS[0], *TURNS[:3]))


def outline_of_ratchet(count: int, depth: float) -> np.ndarray:
    """Saw teeth: each rises evenly and falls at once."""
    radii = np.tile([1.0 - depth, 1.0], count)
    angles = 2.0 * math.pi * (np.arange(count)[:, None] + [0.0, 0.93]) / count
    return np.stack([radii * np.cos(angles.ravel()), radii * np.sin(angles.ravel())], axis=1)


def rack(draw: Draw) -> Surface:
    """A bar with teeth or notches along one or two sides, straight or bent; combs, saws, clip rails."""
    teeth, deep, high = draw.count(4, 18), even(draw, 0.1, 0.8), draw(0.15, 0.8)
    pitch = 2.0 / teeth
    depth, flat = pitch * draw(0.4, 2.0), draw(0.2, 0.7)
    tooth = box(pitch * flat, deep, depth)
    if draw.chance(0.5):
        tooth = prism(polygon(4), pitch * 1.35, 1.4 * deep, depth, draw(0.2, 0.7)).transformed(
            np.diag([flat, 1.0, 1.0])
        )
        tooth = Solid(tooth.unit, tooth.test, tooth.matrix * np.array([[1.0], [0.99], [1.0]]), tooth.offset)
    elif draw.chance(0.3):
        tooth = frustum(pitch * flat, min(pitch * flat, deep), depth)
    solids = [box(2.0, deep, high), in_rows(tooth, (teeth, 1), (pitch, 1.0)).at(0.0, 0.0, high / 2 + 0.47 * depth)]
    if draw.chance(0.3):
        solids.append(in_rows(tooth, (teeth, 1), (pitch, 1.0)).transformed(np.diag([1.0, 1.0, -1.0])))
        solids[-1] = solids[-1].at(0.0, 0.0, -high / 2 - 0.47 * depth)
    if draw.chance(0.3):
        end = any_body(draw, 0.3, 0.9, plain=True)
        solids.append(end.at(1.0 + 0.8 * float(end.half[0]), 0.0, 0.0))
    surface = carved(solids)
    if draw.chance(0.25):
        curve = draw(0.5, 2.6)
        surface = surface.divided(0.3).warped(
            lambda p: np.stack(
                [
                    np.sin(curve * p[:, 0]) * (1 / curve + p[:, 2]),
                    p[:, 1],
                    np.cos(curve * p[:, 0]) * (1 / curve + p[:, 2]),
                ],
                axis=1,
            )
        )
    return surface.turned(draw.pick(*TURNS[:3]))


def threaded(draw: Draw) -> Surface:
    """A shank with a thread and a head, a point or nuts: screws, bolts, studs, worms, jar mouths."""
    long, radius = even(draw, 0.6, 4.0), draw(0.25, 0.7)
    turns = max(draw.count(4, 14), int(long * 2))
    begin, taper = draw.pick(0.0, 0.0, draw(0.0, 0.6)), draw.pick(1.0, 1.0, 1.0, draw(0.1, 0.8))
    pitch = long * (1.0 - begin) / turns
    deep = min(pitch * draw(0.3, 1.0), 0.5 * radius)
    rows, sides = 3 * turns + 1, 20
    angle = np.linspace(0.0, 2.0 * math.pi, sides + 1)
    z = np.linspace(0.0, long * (1.0 - begin), rows)[:, None] + pitch * angle / (2.0 * math.pi)
    z = z.clip(0.0, long * (1.0 - begin))
    at = np.arange(rows)[:, None] % 3
    r = radius - deep * np.array([0.0, 0.25, 1.0])[at] + 0.0 * angle
    r = r * (1.0 + (taper - 1.0) * (1.0 - z / (long * (1.0 - begin))))
    pieces = [Surface(cells(np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=2)))]
    top = long * (1.0 - begin)
    if begin:
        pieces.append(
            Surface(frustum(1.9 * radius, 1.9 * radius, long * begin).at(0.0, 0.0, top + long * begin / 2).triangles())
        )
        top = long
    end = frustum(2 * radius * taper * 0.8, 2 * radius * taper * 0.8, 0.02)
    pieces.append(Surface(end.triangles()))
    head = draw.pick("hex", "round", "socket", "pan", "eye", "wing", "none")
    wide, high = 2.0 * radius * draw(1.4, 2.6), radius * draw(0.4, 1.6)
    if head in ("hex", "none"):
        pieces.append(
            Surface(prism(polygon(draw.pick(4, 6, 6)), wide, wide, high).at(0.0, 0.0, top + high / 2).triangles())
        )
    elif head == "eye":
        eye = ring(wide, wide, 0.4 * wide, 0.2).transformed(turn("x", math.pi / 2)).at(0.0, 0.0, top + 0.45 * wide)
        pieces.append(Surface(eye.triangles()))
    elif head == "wing":
        wings = box(1.4 * wide, 0.25 * wide, high).at(0.0, 0.0, top + high / 2)
        pieces.append(carved([wings, frustum(0.5 * wide, 0.5 * wide, high).at(0.0, 0.0, top + 0.4 * high)]))
    else:
        cap = frustum(wide, wide, high) if head != "pan" else ball(wide, wide, 2.0 * high)
        drive = draw.pick(prism(polygon(6), 0.5 * wide, 0.5 * wide, high), box(wide * 1.1, 0.15 * wide, 0.8 * high))
        lower = half_space(1.01 * wide).transformed(TURNS[5]).at(0.0, 0.0, top)
        up = top + (high if head == "pan" else high / 2)
        pieces.append(
            carved([cap.at(0.0, 0.0, up - (high if head == "pan" else 0.0))], [drive.at(0.0, 0.0, top + high), lower])
        )
    if draw.chance(0.2):
        nut = 2.0 * radius * draw(1.5, 2.0)
        pieces.append(carved([prism(polygon(6), nut, nut, radius).at(0.0, 0.0, draw(0.1, 0.5) * long)]))
    return joined(pieces).turned(draw.pick(TURNS[0], TURNS[1], TURNS[1], TURNS[5]))


def axle(draw: Draw) -> Surface:
    """A shaft of round, flattened, square, crossed or splined section with collars, wheels, cranks or pins along it."""
    long, wide = even(draw, 1.0, 4.0), draw(0.12, 0.45)
    outline = draw.pick(
        cross(0.4), cross(0.3), superellipse(2.0), gear(draw.count(4, 12), 0.2), flattened(0.6), polygon(6)
    )
    solids = [prism(outline, wide, wide, long)]
    for _ in range(draw.count(0, 4)):
        size, thick = wide * draw(1.3, 5.0), even(draw, 0.03, 0.5)
        where = draw.pick(-0.5, 0.5, draw(-0.5, 0.5)) * (long - thick)
        collar = draw.pick(
            frustum(size, size, thick), prism(any_outline(draw), size, size, thick), ball(size, size, thick)
        )
        solids.append(collar.at(0.0, 0.0, where))
    if draw.chance(0.25):
        arm, side = draw(0.4, 1.0), draw.pick(-1.0, 1.0)
        solids.append(box(arm, wide * 1.2, wide * 0.8).at(arm / 2 - wide / 2, 0.0, side * long / 2))
        solids.append(frustum(wide, wide, draw(0.3, 0.9)).at(arm - wide, 0.0, side * (long / 2 + 0.2)))
    cuts = []
    if draw.chance(0.25):
        hole = frustum(0.5 * wide, 0.5 * wide, 6.0 * wide).transformed(TURNS[2])
        cuts.append(hole.at(0.0, 0.0, draw(-0.45, 0.45) * long))
    return carved(solids, cuts).turned(draw.pick(TURNS[0], TURNS[1], TURNS[1], TURNS[2]))


def pulley(draw: Draw) -> Surface:
    """Discs side by side on an axis, with grooves between, bores and cams: pulleys, spools, rollers, heat sinks."""
    discs, gap, thick = draw.count(2, 5), draw(0.0, 0.5), draw(0.04, 0.4)
    solids, place = [], 0.0
    outline = draw.pick(superellipse(2.0), superellipse(2.0), pebble(draw), polygon(draw.count(4, 8)), flattened(0.5))
    same = draw.chance(0.5)
    for _ in range(discs):
        size = 1.0 if same else draw(0.4, 1.0)
        disc = prism(outline, size, size, thick, draw.pick(1.0, draw(0.7, 1.0)))
        if not same and draw.chance(0.3):
            disc = disc.at(draw(-0.2, 0.2), draw(-0.2, 0.2), 0.0)
        solids.append(disc.at(float(disc.offset[0]), float(disc.offset[1]), place))
        place += thick + gap
    core = draw(0.15, 0.6)
    solids.append(frustum(core, core, place + draw(-0.1, 0.6)).at(0.0, 0.0, (place - thick - gap) / 2))
    cuts = [_bore(draw, 0.7 * core, 4.0 * place).at(0.0, 0.0, place / 2)] if draw.chance(0.6) else []
    return carved(solids, cuts).turned(draw.pick(*TURNS[:3]))
