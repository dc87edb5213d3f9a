"""Kinds of rods: frames of polyhedra, cages, grids, trusses, ladders, wheels of spokes, wire figures."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Draw
from pointlora.procedural.freeform.curves import copies, rods, spline, swept
from pointlora.procedural.freeform.outlines import polygon, superellipse
from pointlora.procedural.freeform.solids import ball, box, frustum
from pointlora.procedural.freeform.stock import TURNS, even
from pointlora.procedural.freeform.surface import Surface


def _built(draw: Draw, nodes: np.ndarray, edges: np.ndarray, radius: float) -> Surface:
    """Rods along the edges (E, 2) of nodes (N, 3), square or round, perhaps with a knob at each node."""
    sides = draw.pick(4, 8, 8)
    pieces = [rods(nodes[edges[:, 0]], nodes[edges[:, 1]], radius, sides)]
    if draw.chance(0.4) and len(nodes) < 40:
        wide = radius * draw(2.2, 5.0)
        knob = draw.pick(box(wide, wide, wide), ball(wide, wide, wide))
        pieces.append(copies(knob.triangles(), nodes))
    return Surface(np.concatenate(pieces))


def _grid_edges(counts: tuple[int, ...]) -> np.ndarray:
    """Edges (E, 2) between neighbours of a grid of nodes in the order of `np.indices`."""
    numbers = np.arange(math.prod(counts)).reshape(counts)
    pairs = []
    for axis in range(len(counts)):
        rows = np.moveaxis(numbers, axis, 0)
        pairs.append(np.stack([rows[:-1].ravel(), rows[1:].ravel()], axis=1))
    return np.concatenate(pairs)


def frame(draw: Draw) -> Surface:
    """A box of rods with two to four nodes along each side, some bars left out, some diagonals put in."""
    counts = (draw.count(2, 3), draw.count(2, 3), draw.count(2, 4))
    size = np.array([even(draw, 0.5, 1.5) for _ in range(3)])
    nodes = np.stack([axis.ravel() for axis in np.indices(counts)], axis=1) / (np.array(counts) - 1.0) * size
    taper = draw.pick(1.0, 1.0, draw(0.3, 0.9))
    nodes[:, :2] = (nodes[:, :2] - size[:2] / 2) * (1.0 + (taper - 1.0) * nodes[:, 2:] / size[2])
    edges = _grid_edges(counts)
    if draw.chance(0.4):
        edges = edges[[draw.chance(0.8) for _ in range(len(edges))]]
    if draw.chance(0.4):
        apart = nodes[:, None] - nodes[None]
        steps = size / (np.array(counts) - 1.0)
        diagonal = ((np.abs(apart) > 0.2 * steps).sum(axis=2) == 2) & (np.abs(apart) < 1.2 * steps).all(axis=2)
        pairs = np.argwhere(np.triu(diagonal))
        edges = np.concatenate([edges, pairs[[draw.chance(0.4) for _ in range(len(pairs))]]])
    return _built(draw, nodes, edges, even(draw, 0.02, 0.08))


def truss(draw: Draw) -> Surface:
    """A girder of two, three or four chords with posts and diagonals; straight or arched; also ladders."""
    chords, bays = draw.pick(2, 3, 3, 4), draw.count(3, 9)
    long, wide = draw(1.5, 4.0), draw(0.3, 0.8)
    outline = polygon(chords) * wide / 2 if chords > 2 else np.array([(0.0, -wide / 2), (0.0, wide / 2)])
    x = np.linspace(-long / 2, long / 2, bays + 1)
    nodes = np.empty((bays + 1, chords, 3))
    nodes[..., 0], nodes[..., 1:] = x[:, None], outline
    arch = draw.pick(0.0, 0.0, draw(0.3, 2.0 * math.pi * 0.98))
    if arch:
        angle, radius = nodes[..., 0] * arch / long, long / arch + nodes[..., 2]
        nodes[..., 0], nodes[..., 2] = radius * np.sin(angle), radius * np.cos(angle)
    number = np.arange(nodes.size // 3).reshape(bays + 1, chords)
    after = np.roll(number, -1, axis=1)
    edges = [
        np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1),
        np.stack([number.ravel(), after.ravel()], axis=1),
    ]
    bracing = draw.pick("none", "one way", "both", "zigzag")
    if bracing in ("one way", "both"):
        edges.append(np.stack([number[:-1].ravel(), after[1:].ravel()], axis=1))
    if bracing == "both":
        edges.append(np.stack([after[:-1].ravel(), number[1:].ravel()], axis=1))
    if bracing == "zigzag":
        for k in range(bays):
            pair = (number[k], after[k + 1]) if k % 2 else (after[k], number[k + 1])
            edges.append(np.stack(pair, axis=1))
    turned = draw.pick(*TURNS[:3])
    return _built(draw, nodes.reshape(-1, 3), np.concatenate(edges), even(draw, 0.02, 0.06)).turned(turned)


def mesh_panel(draw: Draw) -> Surface:
    """A flat or rolled grid of wires or slats in a frame: grilles, fences, griddles, baskets' walls."""
    counts = (draw.count(2, 11), draw.pick(0, 2, draw.count(3, 9)))
    x, y, thin = even(draw, 0.8, 2.0), even(draw, 0.6, 1.6), draw(0.01, 0.035)
    across, along = np.linspace(-x / 2, x / 2, counts[0]), np.linspace(-y / 2, y / 2, counts[1])
    lean = draw.pick(0.0, 0.0, draw(-0.4, 0.4))
    starts = [(a - lean, -y / 2, 0.0) for a in across.tolist()] + [(-x / 2, b, 0.0) for b in along.tolist()]
    ends = [(a + lean, y / 2, 0.0) for a in across.tolist()] + [(x / 2, b, 0.0) for b in along.tolist()]
    pieces = [rods(np.array(starts), np.array(ends), thin, draw.pick(4, 6, 6))]
    if draw.chance(0.6) or not len(along):
        corners = np.array([(-x / 2, -y / 2, 0.0), (x / 2, -y / 2, 0.0), (x / 2, y / 2, 0.0), (-x / 2, y / 2, 0.0)])
        pieces.append(rods(corners, np.roll(corners, -1, axis=0), thin * draw(1.2, 4.0), draw.pick(4, 8)))
    surface = Surface(np.concatenate(pieces))
    if draw.chance(0.3):
        roll = draw(0.5, 2.8) * 2.0 / x
        surface = surface.divided(0.25).warped(
            lambda p: np.stack(
                [np.sin(roll * p[:, 0]) * (1 / roll - p[:, 2]), p[:, 1], (1 - np.cos(roll * p[:, 0])) / roll], axis=1
            )
        )
    return surface.turned(draw.pick(*TURNS[:3]))


def cage(draw: Draw) -> Surface:
    """Wires of a surface of revolution, along it and around it: baskets, lamps, birdcages, globes, whisks."""
    count, hoops, thin = draw.count(4, 14), draw.count(0, 5), draw(0.015, 0.05)
    radii = np.array([draw(0.1, 1.0) for _ in range(draw.count(3, 5))])
    if draw.chance(0.4):
        radii[[0, -1][draw.count(0, 1)]] = 0.02
    height = even(draw, 0.4, 3.0)
    profile = spline(np.stack([radii, np.linspace(0.0, height, len(radii))], axis=1), 14)
    profile[:, 0] = profile[:, 0].clip(0.02)
    twist = draw.pick(0.0, 0.0, draw(-2.0, 2.0))
    angles = 2.0 * math.pi * np.arange(count) / count
    around = angles[:, None] + twist * np.linspace(0.0, 1.0, 14)
    wires = np.stack(
        [profile[:, 0] * np.cos(around), profile[:, 0] * np.sin(around), np.broadcast_to(profile[:, 1], around.shape)],
        axis=2,
    )
    pieces = [rods(wires[:, :-1].reshape(-1, 3), wires[:, 1:].reshape(-1, 3), thin, 5)]
    places = np.linspace(0, 13, hoops + 2)[draw.pick(slice(None), slice(1, -1))].round().astype(int)
    full = 2.0 * math.pi * np.arange(21) / 20
    for place in places.tolist():
        radius, z = profile[place].tolist()
        hoop = np.stack([radius * np.cos(full), radius * np.sin(full), 0.0 * full + z], axis=1)
        pieces.append(rods(hoop[:-1], hoop[1:], thin * draw(0.8, 1.8), 6))
    if draw.chance(0.3):
        wide = 2.0 * float(profile[0, 0])
        pieces.append(frustum(wide, wide, draw(0.03, 0.3)).triangles())
    return Surface(np.concatenate(pieces))


def spokes(draw: Draw) -> Surface:
    """A rim and a hub with spokes, straight, crossed or bent; also asterisks, caltrops and stars without a rim."""
    count, thin = draw.count(3, 16), draw(0.02, 0.09)
    angles = 2.0 * math.pi * np.arange(count) / count
    hub, wide = draw(0.08, 0.3), draw(0.08, 0.6)
    cross, cone = draw.pick(0.0, 0.0, draw(0.2, 0.9)), draw.pick(0.0, 0.0, draw(-0.8, 0.8))
    outer = np.stack([np.cos(angles), np.sin(angles), 0.0 * angles], axis=1)
    inner = hub * np.stack([np.cos(angles + cross), np.sin(angles + cross), 0.0 * angles], axis=1)
    inner[:, 2] = cone + draw(0.0, 0.5) * wide * np.where(np.arange(count) % 2, 1.0, -1.0)
    pieces = [rods(inner, outer, thin)]
    core = draw.pick(frustum(2 * hub, 2 * hub, wide), ball(2.2 * hub, 2.2 * hub, 2.2 * hub))
    pieces.append(core.at(0.0, 0.0, cone).triangles())
    if draw.chance(0.7):
        full = 2.0 * math.pi * np.arange(40) / 40
        rim = np.stack([np.cos(full), np.sin(full), 0.0 * full], axis=1)
        section = superellipse(draw.pick(2.0, 6.0), 12) * [draw(0.5, 1.0), draw(0.5, 1.0)]
        pieces.append(swept(rim, section, draw(0.05, 0.2), closed=True))
    else:
        tip = draw(1.0, 6.0) * thin
        pieces.append(copies(draw.pick(ball(tip, tip, tip), box(tip, tip, tip)).triangles(), outer))
    return Surface(np.concatenate(pieces)).turned(draw.pick(*TURNS[:3]))


def polyhedron(draw: Draw) -> Surface:
    """The edges of a regular solid, a prism, an antiprism or a pyramid, stretched; perhaps with some faces filled."""
    sides, height = draw.count(3, 8), even(draw, 0.5, 2.5)
    bottom = np.concatenate([polygon(sides), np.zeros((sides, 1))], axis=1)
    top, number = bottom + np.array([0.0, 0.0, height]), np.arange(sides)
    after = (number + 1) % sides
    kind = draw.pick("prism", "antiprism", "pyramid", "double", "frustum")
    base = np.stack([number, after], axis=1)
    if kind in ("pyramid", "double"):
        nodes = np.concatenate([bottom, [[0.0, 0.0, height]], [[0.0, 0.0, -height * (kind == "double")]]])
        edges = [
            base,
            np.stack([number, 0 * number + sides], axis=1),
            np.stack([number, 0 * number + sides + 1], axis=1),
        ]
        if kind == "pyramid" and draw.chance(0.5):
            edges = edges[:2]
    else:
        scale = draw(0.3, 0.9) if kind == "frustum" else 1.0
        c, s = (math.cos(math.pi / sides), math.sin(math.pi / sides)) if kind == "antiprism" else (1.0, 0.0)
        top[:, :2] = scale * top[:, :2] @ np.array([[c, s], [-s, c]])
        nodes = np.concatenate([bottom, top])
        edges = [base, base + sides, np.stack([number, number + sides], axis=1)]
        if kind == "antiprism":
            edges.append(np.stack([after, number + sides], axis=1))
    surface = _built(draw, nodes, np.concatenate(edges), even(draw, 0.02, 0.1))
    if draw.chance(0.3):
        cap = np.stack([bottom, np.roll(bottom, -1, axis=0), np.zeros((sides, 3))], axis=1)
        surface = Surface(np.concatenate([surface.triangles, cap]))
    return surface
