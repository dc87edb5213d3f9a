"""Kinds with one long axis: turned profiles, lofts of changing sections, lumps."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Draw
from pointlora.procedural.freeform.curves import spline
from pointlora.procedural.freeform.outlines import any_outline, from_radii, pebble, polygon, superellipse
from pointlora.procedural.freeform.solids import box, frustum, in_ring, lathed, prism, skinned, turned_triangles
from pointlora.procedural.freeform.stock import TURNS, even
from pointlora.procedural.freeform.surface import Surface, carved, joined


def turned(draw: Draw) -> Surface:
    """A body of revolution with steps, cones, fillets, grooves and beads; perhaps with a bore, flats or cross holes."""
    profile = [(draw(0.2, 1.0), 0.0)]
    for _ in range(draw.count(2, 9)):
        radius, z = profile[-1]
        rise = even(draw, 0.1, 1.0)
        match draw.pick("step", "step", "cone", "fillet", "groove", "bead"):
            case "step":
                radius = draw(0.15, 1.0)
                profile += [(radius, z + 1e-4), (radius, z + rise)]
            case "cone":
                profile.append((draw(0.15, 1.0), z + rise))
            case "fillet":
                end, t = draw(0.15, 1.0), np.linspace(0.2, 1.0, 5)
                bow = draw.pick(np.sin(0.5 * math.pi * t), 1.0 - np.cos(0.5 * math.pi * t))
                profile += [
                    (radius + (end - radius) * float(b), z + rise * float(s)) for b, s in zip(bow, t, strict=True)
                ]
            case "groove":
                deep, wide = radius * draw(0.6, 0.9), 0.3 * rise
                profile += [
                    (radius, z + wide),
                    (deep, z + wide + 1e-4),
                    (deep, z + 2 * wide),
                    (radius, z + 2 * wide + 1e-4),
                ]
            case _:
                bulge = draw(0.1, 0.4)
                profile += [
                    (radius + bulge * math.sin(math.pi * t), z + rise * t) for t in (0.12, 0.3, 0.5, 0.7, 0.88, 1.0)
                ]
    points = np.array(profile)
    height = points[-1, 1]
    points = points / [points[:, 0].max(), height / 2.0] - [0.0, 1.0]
    size = even(draw, 0.3, 2.5)
    body, cuts = lathed(points, size, size, 1.0), []
    if draw.chance(0.3):
        bore = draw(0.1, 0.6) * size * float(points[:, 0].min())
        cuts.append(frustum(bore, bore, 1.2).at(0.0, 0.0, draw.pick(0.0, 0.4)))
    if draw.chance(0.25):
        wide = draw(0.1, 0.3) * size
        notch = draw.pick(frustum(wide, wide, 2.0), box(wide, wide, draw(0.2, 0.8)))
        cuts.append(in_ring(notch.at(0.45 * size, 0.0, draw(-0.5, 0.5)), draw.count(2, 6)))
    return carved([body], cuts).turned(draw.pick(TURNS[0], TURNS[0], TURNS[1]))


def shell(draw: Draw) -> Surface:
    """A smooth thin wall turned about an axis, whole or over an arc; perhaps a second one inside."""
    count = draw.count(3, 6)
    radii = np.array([draw.pick(draw(0.05, 1.0), draw(0.4, 1.0)) for _ in range(count)])
    heights = np.linspace(0.0, even(draw, 0.2, 3.0), count)
    profile = spline(np.stack([radii, heights], axis=1), 20)
    profile[:, 0] = profile[:, 0].clip(0.02)
    if draw.chance(0.5):
        profile = np.concatenate([[[0.0, profile[0, 1]]], profile])
    arc = draw.pick(2.0 * math.pi, 2.0 * math.pi, draw(1.5, 5.5))
    walls = [Surface(turned_triangles(profile, 28, arc))]
    if draw.chance(0.4):
        walls.append(Surface(turned_triangles(profile * [draw(0.85, 0.97), 1.0], 28, arc)))
    return joined(walls)


def lofted(draw: Draw) -> Surface:
    """Sections that change from one outline to another along an axis, with taper, twist and offsets."""
    sections = draw.count(8, 16)
    first, last = (_resampled(any_outline(draw), 48) for _ in range(2))
    if draw.chance(0.5):
        last = first
    t = np.linspace(0.0, 1.0, sections)
    blend = (t if draw.chance(0.5) else t * t * (3.0 - 2.0 * t))[:, None, None]
    scale = spline(np.array([[draw(0.25, 1.0), draw(0.25, 1.0)] for _ in range(draw.count(2, 5))]), sections)
    if draw.chance(0.5):
        scale[:, 1] = scale[:, 0] * even(draw, 0.3, 1.0)
    flat = (1.0 - blend) * first + blend * last
    angle = draw.pick(0.0, 0.0, draw(-3.0, 3.0)) * t
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    place = spline(np.array([[draw(-0.3, 0.3), draw(-0.3, 0.3)] for _ in range(4)]), sections)
    place = place * draw.pick(0.0, 1.0, 1.0)
    loops = np.empty((sections, 48, 3))
    u, v = flat[..., 0] * scale[:, :1], flat[..., 1] * scale[:, 1:]
    loops[..., 0], loops[..., 1] = c * u - s * v + place[:, :1], s * u + c * v + place[:, 1:]
    loops[..., 2] = (even(draw, 0.2, 3.5) * t)[:, None]
    return Surface(skinned(loops)).turned(draw.pick(*TURNS[:3]))


def lump(draw: Draw) -> Surface:
    """A smooth closed lump: a ball, squarish or not, moved in and out by a few waves; perhaps with facets."""
    rings = draw.pick(12, 16, 5)
    polar = np.linspace(0.0, math.pi, rings)[:, None]
    around = (2.0 * math.pi * np.arange(20) / 20)[None]
    unit = np.stack(
        [np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar) + 0.0 * around], axis=2
    )
    radius = np.ones(unit.shape[:2])
    for _ in range(draw.count(1, 5)):
        wave = np.array([draw(-1.0, 1.0) for _ in range(3)]) * draw(1.0, 4.5)
        radius += draw(0.05, 0.22) * np.sin(unit @ wave + draw(0.0, 6.28))
    radius *= (np.abs(unit) ** 4).sum(axis=2) ** -(draw.pick(0.0, draw(0.0, 0.25)))
    lumpy = unit * radius.clip(0.15)[..., None] * [even(draw, 0.4, 1.0), even(draw, 0.4, 1.0), 1.0]
    return Surface(skinned(lumpy)).turned(draw.pick(*TURNS[:3]))


def layers(draw: Draw) -> Surface:
    """Layers of outlines one on another, each smaller, larger or turned: stepped, terraced, or like stacked discs."""
    outline = draw.pick(any_outline(draw), polygon(draw.count(3, 8)), superellipse(draw(2.0, 6.0)), pebble(draw))
    count, size, top, angle = draw.count(3, 6), 1.0, 0.0, 0.0
    ratio, step = draw(0.65, 1.1), draw.pick(0.0, draw(-0.6, 0.6))
    thick, gap = even(draw, 0.05, 0.4), draw.pick(0.0, 0.0, draw(0.2, 1.5))
    solids = []
    for _ in range(count):
        layer = prism(outline, size, size, thick, draw.pick(1.0, 0.9))
        c, s = math.cos(angle), math.sin(angle)
        solids.append(layer.transformed(np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])).at(0.0, 0.0, top))
        top, size, angle = top + thick * (0.97 + gap), size * ratio, angle + step
    if gap:
        wide = draw(0.08, 0.4) * min(1.0, size)
        solids.append(frustum(wide, wide, top).at(0.0, 0.0, top / 2))
    return carved(solids)


def _resampled(outline: np.ndarray, vertices: int) -> np.ndarray:
    """The outline's radii at even angles, so that any two outlines can be blended."""
    angles = np.arctan2(outline[:, 1], outline[:, 0])
    order = np.argsort(angles)
    at = 2.0 * math.pi * np.arange(vertices) / vertices - math.pi
    radii = np.interp(at, angles[order], np.hypot(*outline[order].T), period=2.0 * math.pi)
    return from_radii(radii, at)
