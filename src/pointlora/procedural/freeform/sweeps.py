"""Kinds swept along paths: pipes, rails, springs, hooks, handles, knots, branches."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Draw
from pointlora.procedural.freeform.curves import copies, rods, spline, swept
from pointlora.procedural.freeform.outlines import any_outline, superellipse
from pointlora.procedural.freeform.solids import ball, box, frustum
from pointlora.procedural.freeform.stock import TURNS, any_body, even
from pointlora.procedural.freeform.surface import Surface, joined


def _section(draw: Draw) -> np.ndarray:
    """What is swept: mostly round, else flat, square or of any outline."""
    if draw.chance(0.5):
        return superellipse(2.0, 14)
    outline = any_outline(draw) if draw.chance(0.5) else superellipse(draw(2.0, 8.0), 20)
    return outline * [1.0, draw.pick(1.0, even(draw, 0.15, 1.0))]


def pipe(draw: Draw) -> Surface:
    """A section swept along a random smooth path, its width even or changing; perhaps closed to a loop."""
    count, closed = draw.count(3, 6), draw.chance(0.25)
    flat = draw.pick(1.0, 1.0, 0.0, 0.3)
    if closed:
        angles = 2.0 * math.pi * np.arange(count) / count
        radii = np.array([draw(0.4, 1.0) for _ in range(count)])
        height = np.array([draw(-0.5, 0.5) * flat for _ in range(count)])
        path = spline(np.stack([radii * np.cos(angles), radii * np.sin(angles), height], axis=1), 48, closed=True)
        return Surface(swept(path, _section(draw), even(draw, 0.04, 0.2), closed=True))
    points = np.array([[draw(-1.0, 1.0), draw(-1.0, 1.0) * flat, draw(-1.0, 1.0)] for _ in range(count)])
    points[:, draw.pick(0, 2)] += np.arange(count) * draw(0.3, 1.0)
    size: float | np.ndarray = even(draw, 0.04, 0.3)
    if draw.chance(0.4):
        sizes = size * np.array([even(draw, 0.4, 1.8) for _ in range(4)])
        size = spline(sizes[:, None], 36)[:, 0].clip(0.01)
    twist = draw.pick(0.0, 0.0, draw(-8.0, 8.0))
    path = spline(points, 36)
    pieces = [Surface(swept(path, _section(draw), size, twist))]
    if draw.chance(0.3):
        largest = float(np.max(size))
        flange = any_body(draw, 2.0 * largest, 5.0 * largest, plain=True)
        for end in path[[0, -1]][: draw.count(1, 2)]:
            pieces.append(Surface(flange.at(*end.tolist()).triangles()))
    return joined(pieces)


def bent_bar(draw: Draw) -> Surface:
    """A bar with straight runs along the axes and rounded corners between them: conduits, handles, cranks, clips."""
    steps = [np.eye(3)[k] * side for k in range(3) for side in (1.0, -1.0)]
    flat = draw.chance(0.5)
    points, before = [np.zeros(3)], np.zeros(3)
    for _ in range(draw.count(2, 7)):
        options = [s for s in (steps[:2] + steps[4:] if flat else steps) if abs(float(s @ before)) < 0.5]
        before = draw.pick(*options)
        points.append(points[-1] + before * draw(0.4, 1.4))
    thick = even(draw, 0.05, 0.18)
    return Surface(swept(rounded(np.array(points), draw(0.05, 0.45)), _section(draw), thick))


def rounded(points: np.ndarray, cut: float) -> np.ndarray:
    """A polyline (K, D) whose corners are cut back by a share of the shorter side and filled with parabolas."""
    path = [points[0]]
    t = np.linspace(0.0, 1.0, 6)[:, None]
    for before, corner, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        back, on = before - corner, after - corner
        reach = cut * min(float(np.sqrt(back @ back)), float(np.sqrt(on @ on)))
        start, end = (corner + reach * v / math.sqrt(float(v @ v)) for v in (back, on))
        path += list((1.0 - t) ** 2 * start + 2.0 * t * (1.0 - t) * corner + t**2 * end)
    return np.array([*path, points[-1]])


def coil(draw: Draw) -> Surface:
    """Helices and spirals: springs, cones of wire, flat spirals, two strands, with straight ends or a core."""
    turns, radius = draw(1.5, 7.0), 1.0
    height = draw.pick(even(draw, 0.3, 4.0), even(draw, 0.3, 4.0), 0.0)
    count = int(14 * turns) + 8
    t = np.linspace(0.0, 1.0, count)
    taper = draw(0.15, 0.8) if height == 0.0 else draw.pick(1.0, 1.0, draw(0.2, 1.5))
    radii = radius * (1.0 + (taper - 1.0) * t)
    pitch = height / turns if height else abs(1.0 - taper) / turns
    thick = min(pitch * draw(0.15, 0.42), 0.25)
    outline = superellipse(2.0, 8) if draw.chance(0.7) else superellipse(8.0, 12) * [1.0, draw(0.3, 1.0)]
    strands = draw.pick(1, 1, 1, 2)
    if strands == 2:
        thick *= 0.55
    pieces = []
    for strand in range(strands):
        angle = 2.0 * math.pi * (turns * t + strand / 2)
        out = np.stack([np.cos(angle), np.sin(angle), np.zeros(count)], axis=1)
        path = radii[:, None] * out
        path[:, 2] = height * t
        step = np.gradient(path, axis=0)
        step /= np.sqrt((step**2).sum(axis=1, keepdims=True))
        up = np.cross(step, out)
        pieces.append(Surface(swept(path, outline, thick, axes=(out, up))))
    if draw.chance(0.25) and height:
        core = draw(0.2, 0.8)
        body = frustum(core, core, 1.2 * height).at(0.0, 0.0, height / 2)
        pieces.append(Surface(body.triangles()))
    return joined(pieces).turned(draw.pick(TURNS[0], TURNS[0], TURNS[1]))


def hook(draw: Draw) -> Surface:
    """A shank that ends in an arc, or in one at each end, on a plate or with an eye; also U bolts and handles."""
    radius, shank = draw(0.2, 0.7), even(draw, 0.2, 2.0)
    thick = draw(0.05, 0.3) * radius * draw.pick(1.0, 1.0, 1.6)
    first = np.linspace(0.0, draw(1.5, 5.2), 14)
    arc = np.stack([radius - radius * np.cos(first), 0.0 * first, -radius * np.sin(first)], axis=1)
    upper = [(0.0, 0.0, shank), (0.0, 0.0, shank / 2)]
    ending = draw.pick("plate", "eye", "arc", "ball", "none")
    if ending == "arc":
        r, side = draw(0.2, 0.7), draw.pick(1.0, -1.0)
        second = np.linspace(draw(1.5, 4.5), 0.0, 12)[:-1]
        top = np.stack([side * (r - r * np.cos(second)), 0.0 * second, shank + r * np.sin(second)], axis=1)
        upper = [*top.tolist(), *upper]
    path = np.concatenate([upper, arc])
    size: float | np.ndarray = thick
    if draw.chance(0.4):
        size = thick * np.linspace(1.0, draw(0.3, 1.5), len(path))
    pieces = [Surface(swept(path, _section(draw), size))]
    if ending == "plate":
        plate = draw.pick(
            box(0.3 * thick, draw(3.0, 9.0) * thick, draw(0.4, 1.0) * shank), box(draw(3, 9) * thick, 4 * thick, thick)
        )
        pieces.append(Surface(plate.at(-thick, 0.0, shank * 0.8).triangles()))
    elif ending == "eye":
        angle = 2.0 * math.pi * np.arange(24) / 24
        wide = thick * draw(2.0, 5.0)
        loop = np.stack([wide * np.cos(angle), 0.0 * angle, shank + wide + wide * np.sin(angle)], axis=1)
        pieces.append(Surface(swept(loop, superellipse(2.0, 8), thick, closed=True)))
    elif ending == "ball":
        wide = thick * draw(2.5, 6.0)
        pieces.append(Surface(ball(wide, wide, wide).at(0.0, 0.0, shank).triangles()))
    return joined(pieces)


def knot(draw: Draw) -> Surface:
    """A closed tube on a torus: knots, crowns, wavy rings; or two or three links of a chain."""
    t = 2.0 * math.pi * np.arange(96) / 96
    if draw.chance(0.3):
        long, wide, thick = draw(0.0, 1.0), 1.0, draw(0.12, 0.3)
        ring = np.stack([wide * np.cos(t) + long * np.sign(np.cos(t)), wide * np.sin(t), 0.0 * t], axis=1)[::2]
        link = swept(ring, superellipse(2.0, 10), thick, closed=True)
        reach = 2.0 * (wide + long - thick)
        turned = link @ np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
        links = [(link, turned)[k % 2] + [k * reach, 0.0, 0.0] for k in range(draw.count(2, 5))]
        return Surface(np.concatenate(links))
    around, through = draw.pick((2, 3), (3, 2), (2, 5), (1, 4), (1, 6), (3, 4), (1, 9))
    deep = draw(0.15, 0.5)
    radius = 1.0 + deep * np.cos(through * t)
    path = np.stack([radius * np.cos(around * t), radius * np.sin(around * t), deep * np.sin(through * t)], axis=1)
    if draw.chance(0.3):
        path[:, 2] *= draw(1.0, 3.0)
    return Surface(swept(path, superellipse(2.0, 10) * [1.0, draw(0.4, 1.0)], draw(0.05, 0.16), closed=True))


def branches(draw: Draw) -> Surface:
    """A trunk that forks a few times, perhaps with balls or leaves at the tips: trees, antlers, candelabra."""
    spread, shrink, straight = draw(0.3, 1.2), draw(0.55, 0.85), draw.chance(0.3)
    tips = [(np.zeros(3), np.array([0.0, 0.0, 1.0]), 1.0)]
    grown_rods, thick = [], draw(0.05, 0.15)
    for level in range(draw.count(2, 4)):
        grown = []
        for base, way, long in tips:
            end = base + way * long
            grown_rods.append((base, end, thick * shrink**level))
            around = 0.0 if straight else draw(0.0, 6.28)
            forks = draw.count(2, 3) if level < 3 else 2
            for k in range(forks):
                angle = around + 2.0 * math.pi * k / forks
                aside = np.array([math.cos(angle), math.sin(angle), 0.15]) * math.tan(min(spread, 1.1))
                new = way + aside
                grown.append((end, new / math.sqrt(float(new @ new)), long * shrink * draw(0.7, 1.1)))
        tips = grown[:14]
    starts, ends, radii = (np.array(column) for column in zip(*grown_rods, strict=True))
    pieces = [rods(starts, ends, radii)]
    if draw.chance(0.5):
        wide = draw(1.0, 5.0) * thick
        tip = draw.pick(ball(wide, wide, wide), ball(wide, wide, 0.2 * wide), box(wide, wide, wide))
        pieces.append(copies(tip.triangles(), np.array([end for end, _, _ in tips])))
    if draw.chance(0.4):
        foot = draw(0.4, 1.2)
        pieces.append(frustum(foot, foot, draw(0.05, 0.4), draw(0.6, 1.0)).triangles())
    return Surface(np.concatenate(pieces))
