"""Kinds of thin sheets and bars of one section: folded, corrugated, perforated, rolled, brackets, beams, panels."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Draw, turn
from pointlora.procedural.freeform.curves import ribbon, spline
from pointlora.procedural.freeform.outlines import any_outline
from pointlora.procedural.freeform.solids import Solid, box, frustum, in_rows, prism
from pointlora.procedural.freeform.stock import TURNS, even
from pointlora.procedural.freeform.surface import Surface, carved, joined
from pointlora.procedural.freeform.sweeps import rounded
from pointlora.procedural.meshes import cells


def folded(draw: Draw) -> Surface:
    """A strip folded at random angles, or with rounded bends: brackets, clips, steps, zigzags."""
    angle, points = draw.pick(0.0, draw(0.0, 1.5)), [np.zeros(2)]
    square = draw.chance(0.5)
    for _ in range(draw.count(2, 6)):
        points.append(points[-1] + draw(0.3, 1.2) * np.array([math.cos(angle), math.sin(angle)]))
        angle += draw.pick(-1.0, 1.0) * (math.pi / 2 if square else draw(0.4, 2.3))
    path = np.array(points)
    if draw.chance(0.5):
        path = rounded(path, draw(0.1, 0.45))
    return Surface(ribbon(path, draw(0.02, 0.12), even(draw, 0.2, 2.0))).turned(draw.pick(*TURNS[:3]))


def corrugated(draw: Draw) -> Surface:
    """A sheet with waves, teeth or pleats, flat or rolled around an axis; or a smooth random sheet."""
    if draw.chance(0.35):
        across, along = (
            spline(np.array([[draw(-1.0, 1.0)] for _ in range(draw.count(3, 6))]), 16)[:, 0] for _ in range(2)
        )
        x, y = np.meshgrid(np.linspace(-1, 1, 16), np.linspace(-1, 1, 16) * draw(0.3, 1.0), indexing="ij")
        z = draw(0.1, 0.8) * (across[:, None] + draw(0.0, 1.0) * along[None])
        return Surface(cells(np.stack([x, y, z], axis=2))).turned(draw.pick(*TURNS[:3]))
    periods, height = draw.count(3, 10), draw(0.03, 0.25)
    t = np.linspace(0.0, 1.0, 8 * periods + 1)
    phase = np.mod(t * periods, 1.0)
    match draw.pick("wave", "teeth", "steps"):
        case "wave":
            z = np.sin(2.0 * math.pi * phase)
        case "teeth":
            z = 4.0 * np.abs(phase - 0.5) - 1.0
        case _:
            z = np.clip(3.0 * np.sin(2.0 * math.pi * phase), -1.0, 1.0)
    x = 2.0 * t - 1.0
    roll = draw.pick(0.0, 0.0, draw(0.5, 3.1))
    if roll:
        radius = 1.0 / roll + height * z
        path = np.stack([radius * np.sin(roll * x), radius * np.cos(roll * x)], axis=1)
    else:
        path = np.stack([x, height * z], axis=1)
    return Surface(ribbon(path, draw(0.01, 0.05), even(draw, 0.3, 2.5))).turned(draw.pick(*TURNS[:3]))


def perforated(draw: Draw) -> Surface:
    """A plate of any outline with a pattern of holes, windows or slots and perhaps rims, standing or lying."""
    x, y, thick = even(draw, 0.8, 2.0), even(draw, 0.8, 2.0), draw(0.02, 0.12)
    plate = box(x, y, thick) if draw.chance(0.6) else prism(any_outline(draw), x, y, thick)
    counts = (draw.count(1, 5), draw.count(1, 4))
    inner = draw(0.6, 0.98)
    pitch = (inner * x / counts[0], inner * y / counts[1])
    wide = min(*pitch) * draw(0.5, 0.92)
    hole = (
        frustum(wide, wide, 3 * thick)
        if draw.chance(0.5)
        else box(pitch[0] * draw(0.5, 0.92), pitch[1] * draw(0.5, 0.92), 3 * thick)
    )
    solids = [plate]
    if draw.chance(0.35):
        rim = draw(0.05, 0.4)
        for side in (-1.0, 1.0)[: draw.count(1, 2)]:
            solids.append(box(thick, y, rim).at(side * (x - thick) / 2, 0.0, 0.45 * rim))
    return carved(solids, [in_rows(hole, counts, pitch)]).turned(draw.pick(*TURNS[:3]))


_PROFILES: dict[str, tuple[tuple[float, float, float, float], ...]] = {  # low x, high x, low z, high z in a unit square
    "L": ((0, 1, 0, 0), (0, 0, 0, 1)),
    "U": ((0, 1, 0, 0), (0, 0, 0, 1), (1, 1, 0, 1)),
    "T": ((0, 1, 1, 1), (0.5, 0.5, 0, 1)),
    "H": ((0, 1, 0, 0), (0, 1, 1, 1), (0.5, 0.5, 0, 1)),
    "Z": ((0.5, 1, 0, 0), (0, 0.5, 1, 1), (0.5, 0.5, 0, 1)),
    "box": ((0, 1, 0, 0), (0, 1, 1, 1), (0, 0, 0, 1), (1, 1, 0, 1)),
    "C": ((0, 1, 0, 0), (0, 1, 1, 1), (0, 0, 0, 1), (1, 1, 0, 0.25), (1, 1, 0.75, 1)),
    "E": ((0, 1, 0, 0), (0, 1, 0.5, 0.5), (0, 1, 1, 1), (0, 0, 0, 1)),
    "X": ((0, 1, 0.5, 0.5), (0.5, 0.5, 0, 1)),
    "fins": ((0, 1, 0, 0), (0, 0, 0, 1), (0.25, 0.25, 0, 1), (0.5, 0.5, 0, 1), (0.75, 0.75, 0, 1), (1, 1, 0, 1)),
}


def beam(draw: Draw) -> Surface:
    """A bar of L, U, T, H, Z, C, E, cross or box section, or with fins, with holes in it or an end plate."""
    wide, high, long, thick = even(draw, 0.3, 1.0), even(draw, 0.3, 1.0), even(draw, 0.3, 4.0), draw(0.03, 0.15)
    solids: list[Solid] = []
    for low_x, high_x, low_z, high_z in _PROFILES[draw.pick(*_PROFILES)]:
        flange = box((high_x - low_x) * wide + thick, long, (high_z - low_z) * high + thick)
        x, z = ((low_x + high_x) / 2 - 0.5) * wide, (low_z + high_z) / 2 * high
        # Flanges of slightly different length, so that faces at the ends don't coincide.
        solids.append(flange.transformed(np.diag(np.array([1.0, 1.0 - 1e-3 * len(solids), 1.0]))).at(x, 0.0, z))
    if draw.chance(0.25):
        plate = box(wide * draw(1.0, 2.0), thick, high * draw(1.0, 2.0))
        solids += [plate.at(0.0, side * long / 2, high / 2) for side in (-1.0, 1.0)[: draw.count(1, 2)]]
    cuts = []
    if draw.chance(0.45):
        size, count = min(wide, high) * draw(0.2, 0.5), draw.count(1, 6)
        hole = frustum(size, draw.pick(size, 2.0 * size), 4.0 * high)
        cuts.append(in_rows(hole, (1, count), (1.0, long / count)).transformed(turn("y", draw.pick(0.0, math.pi / 2))))
        cuts[-1] = cuts[-1].at(0.0, 0.0, high / 2)
    return carved(solids, cuts).turned(draw.pick(*TURNS[:3]))


def bracket(draw: Draw) -> Surface:
    """Two or three plates at right angles with gussets, ears, holes: angle brackets, pillow blocks, forks, supports."""
    x, y, z, thick = even(draw, 0.5, 1.3), even(draw, 0.3, 1.0), even(draw, 0.4, 1.3), draw(0.05, 0.16)
    solids = [box(x, y, thick)]
    upright = box(thick, y, z) if draw.chance(0.5) else _eared(draw, y, z, thick)
    places = draw.pick((-0.5,), (-0.5, 0.5), (0.0,), (-0.25, 0.25), (-0.3, 0.0, 0.3))
    solids += [upright.at(p * (x - thick), 0.0, z / 2 - 0.3 * thick) for p in places]
    if draw.chance(0.4):
        rib = prism(np.array([(1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)]) * 0.999, 0.8 * x, 0.8 * z, thick)
        rib = rib.transformed(turn("x", math.pi / 2))
        for where in draw.pick((0.0,), (-0.35, 0.35)):
            solids.append(rib.at(0.4 * x + places[0] * x, where * y, 0.4 * z))
    cuts = []
    if draw.chance(0.8):
        wide = draw(0.2, 0.5) * y
        counts = draw.pick((2, 1), (1, 2), (2, 2), (3, 1))
        holes = frustum(min(wide, 0.3 * x), min(wide, 0.3 * x), 3 * thick)
        cuts.append(in_rows(holes, counts, (0.6 * x, 0.55 * y)))
    if draw.chance(0.7):
        wide = draw(0.25, 0.6) * min(y, z)
        bore = frustum(wide, wide, 3.0 * x).transformed(turn("y", math.pi / 2))
        cuts.append(bore.at(0.0, 0.0, z - 0.5 * min(y, z)))
    return carved(solids, cuts)


def _eared(draw: Draw, y: float, z: float, thick: float) -> Solid:
    """A plate across x with a round upper end."""
    angle = np.linspace(0.0, math.pi, 11)
    square = min(z, y) / z
    arch = np.stack([np.cos(angle), 1.0 - square + square * np.sin(angle)], axis=1)
    outline = np.concatenate([arch, [[-1.0, -1.0], [draw(0.99, 1.0), -1.0]]])
    return prism(outline, y, z, thick).transformed(_UPRIGHT)


# Takes a plate in the xy plane to one in the yz plane: x to y, y to z, z to x.
_UPRIGHT = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def panels(draw: Draw) -> Surface:
    """Boards put together at right angles in a box: shelves, racks, stalls, half-open cases."""
    x, y, z, thick = even(draw, 0.4, 1.5), even(draw, 0.4, 1.5), even(draw, 0.3, 1.8), draw(0.02, 0.08)
    sizes, boards = (x, y, z), []
    for axis in range(3):
        count = draw.count(0, 4) if axis == 2 else draw.pick(0, 1, 2, 2, 3)
        places = np.linspace(-0.5, 0.5, count) if count > 1 else np.array([draw.pick(-0.5, 0.5, 0.0)] * count)
        for place in places.tolist():
            own = [size * draw.pick(1.0, 1.0, draw(0.6, 1.0)) for size in sizes]
            own[axis] = thick
            at = [0.0, 0.0, 0.0]
            at[axis] = place * sizes[axis]
            boards.append(box(*own).at(*at))
    if not boards:
        boards = [box(x, y, thick), box(thick, y, z), box(x, thick, z)]
    if draw.chance(0.3):
        leg, tall = draw(0.03, 0.08), draw(0.1, 0.8)
        boards.append(in_rows(box(leg, leg, tall), (2, 2), (x - leg, y - leg)).at(0.0, 0.0, -z / 2 - 0.45 * tall))
    return carved(boards)


def rolled(draw: Draw) -> Surface:
    """A sheet rolled up: open rings, clips, scrolls, half pipes, with straight lips."""
    start, sweep = draw(0.0, 6.28), draw.pick(draw(2.5, 6.0), draw(6.5, 16.0))
    angles = np.linspace(0.0, sweep, int(6 * sweep) + 4)
    radius = 1.0 + (draw.pick(0.0, draw(0.03, 0.12)) if sweep < 6.2 else draw(0.05, 0.14)) * angles
    path = np.stack([radius * np.cos(start + angles), radius * np.sin(start + angles)], axis=1)
    if draw.chance(0.5):
        for end in (0, -1):
            step = path[end] - path[1 if end == 0 else -2]
            out = path[end] + draw(0.2, 1.0) * (step / np.sqrt(step @ step) + draw(0.0, 1.2) * path[end] / 2.0)
            path = np.concatenate([[out], path]) if end == 0 else np.concatenate([path, [out]])
    strip = Surface(ribbon(path, draw(0.04, 0.2), even(draw, 0.15, 4.0)))
    if draw.chance(0.25):
        base = box(2.0 * draw(0.6, 1.3), draw(0.4, 1.5), 0.12).at(0.0, 0.0, float(path[:, 1].min()))
        return joined([strip, Surface(base.triangles())])
    return strip.turned(draw.pick(*TURNS[:3]))
