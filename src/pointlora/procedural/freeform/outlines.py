"""Outlines (K, 2) for prisms, lofts and sweeps: counter-clockwise, star-shaped about the origin, largest radius 1."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Draw

_TURN = 2.0 * math.pi


def from_radii(radii: np.ndarray, angles: np.ndarray | None = None) -> np.ndarray:
    """Vertices (K, 2) at radii (K,), evenly spaced unless angles (K,) are given."""
    angles = _TURN * np.arange(len(radii)) / len(radii) if angles is None else angles
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1) / radii.max()


def polygon(sides: int, vertices: int | None = None, roundness: float = 0.0) -> np.ndarray:
    """A regular polygon with an edge that faces +x; roundness 1 makes it a circle."""
    count = sides if vertices is None else sides * max(round(vertices / sides), 1)
    angles = _TURN * np.arange(count) / count + math.pi / sides
    within = np.mod(angles + math.pi / sides, _TURN / sides) - math.pi / sides
    flat = math.cos(math.pi / sides) / np.cos(within)
    limit = 1.0 - roundness * (1.0 - math.cos(math.pi / sides))
    return from_radii(np.minimum(flat, limit) if roundness else flat, angles)


def superellipse(exponent: float, vertices: int = 32) -> np.ndarray:
    """|x|^e + |y|^e = 1: 2 is a circle, more is squarer, less is a star with four points."""
    angles = _TURN * (np.arange(vertices) + 0.5) / vertices
    return from_radii(
        (np.abs(np.cos(angles)) ** exponent + np.abs(np.sin(angles)) ** exponent) ** (-1.0 / exponent), angles
    )


def star(points: int, inner: float) -> np.ndarray:
    """A star whose inward corners lie at a radius of `inner`."""
    return from_radii(np.tile([1.0, inner], points))


def lobes(count: int, depth: float, vertices: int = 40) -> np.ndarray:
    """A circle with waves."""
    return from_radii(1.0 + depth * np.cos(count * _TURN * np.arange(vertices) / vertices))


def gear(teeth: int, depth: float, tip: float = 0.4, root: float = 0.4) -> np.ndarray:
    """Trapezoid teeth; `tip` and `root` are shares of a pitch that are flat."""
    slope = (1.0 - tip - root) / 2.0
    angles = (np.arange(teeth)[:, None] + np.cumsum([0.0, slope, tip, slope])) / teeth * _TURN
    return from_radii(np.tile([1.0 - depth, 1.0, 1.0, 1.0 - depth], teeth), angles.ravel())


def cross(width: float) -> np.ndarray:
    """A plus sign with bars of a half width in (0, 1)."""
    quarter = np.array([(1.0, -width), (1.0, width), (width, width)])
    points = [quarter]
    for _ in range(3):
        x, y = points[-1].T
        points.append(np.stack([-y, x], axis=1))
    outline = np.concatenate(points)
    return outline / math.hypot(1.0, width)


def flattened(depth: float, sides: int = 1, vertices: int = 32) -> np.ndarray:
    """A circle with flats cut off at a distance of `depth` from the centre (a D shaft, a shaft with two flats)."""
    angles = _TURN * (np.arange(vertices) + 0.5) / vertices
    radii = np.ones(vertices)
    for k in range(sides):
        facing = np.cos(angles - _TURN * k / sides)
        radii = np.where(facing * radii > depth, depth / np.maximum(facing, 1e-9), radii)
    return from_radii(radii, angles)


def pebble(draw: Draw, vertices: int = 32) -> np.ndarray:
    """A smooth random outline."""
    angles = _TURN * np.arange(vertices) / vertices
    waves = [draw(0.0, 0.5 / k) * np.cos(k * angles + draw(0.0, _TURN)) for k in (1, 2, 3, 4)]
    return from_radii(1.15 + np.sum(waves, axis=0).clip(-0.8))


def any_outline(draw: Draw, plain: bool = False) -> np.ndarray:
    """An outline of a random family; only those without inward corners if `plain`."""
    families = ["polygon", "rounded", "superellipse", "circle", "flattened"]
    families += [] if plain else ["star", "lobes", "gear", "cross", "pebble"]
    match draw.pick(*families):
        case "polygon":
            return polygon(draw.count(3, 8))
        case "rounded":
            return polygon(draw.count(3, 6), 36, draw(0.2, 0.8))
        case "superellipse":
            return superellipse(draw(2.4, 7.0))
        case "circle":
            return superellipse(2.0)
        case "flattened":
            return flattened(draw(0.3, 0.9), draw.count(1, 3))
        case "star":
            return star(draw.count(4, 9), draw(0.35, 0.8))
        case "lobes":
            return lobes(draw.count(3, 8), draw(0.08, 0.35))
        case "gear":
            return gear(draw.count(6, 18), draw(0.1, 0.3), draw(0.2, 0.45), draw(0.2, 0.45))
        case "cross":
            return cross(draw(0.15, 0.5))
    return pebble(draw)
