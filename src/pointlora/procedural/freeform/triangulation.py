"""Primitives of the named categories as triangles, so that their shapes can be bent and taken apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pointlora.procedural.assembly import Part
from pointlora.procedural.freeform.curves import rods
from pointlora.procedural.freeform.solids import ball, box, turned_triangles
from pointlora.procedural.freeform.surface import Surface
from pointlora.procedural.meshes import Mesh, cells
from pointlora.procedural.primitives import Box, Capsule, Ellipsoid, Primitive, Revolution, Torus, Tube


def triangulated(parts: Sequence[Part]) -> Surface:
    """The placed parts of an assembly as one surface; curved ones become facets."""
    placed = []
    for part in parts:
        triangles = triangles_of(part.primitive).reshape(-1, 3)
        if part.rotation is not None:
            triangles = triangles @ part.rotation.T
        placed.append((triangles + part.offset).reshape(-1, 3, 3))
    return Surface(np.concatenate(placed))


def triangles_of(primitive: Primitive) -> np.ndarray:
    """A primitive's surface as triangles (T, 3, 3).

    Raises:
        TypeError: for a class of primitive that isn't known.
    """
    match primitive:
        case Mesh():
            return primitive.triangles
        case Box():
            x, y, z = primitive.size.tolist()
            return box(x, y, z).triangles()
        case Ellipsoid():
            x, y, z = (2.0 * primitive.axes).tolist()
            return ball(x, y, z).triangles()
        case Capsule():
            angles = np.linspace(-math.pi / 2, math.pi / 2, 10)
            straight = np.where(angles < 0.0, -0.5, 0.5) * primitive.length
            profile = np.stack([np.cos(angles), np.sin(angles)], axis=1) * primitive.radius
            return turned_triangles(profile + np.stack([np.zeros(10), straight], axis=1), 18)
        case Torus():
            return _torus(primitive)
        case Revolution():
            return turned_triangles(primitive.profile, 18, primitive.arc)
        case Tube():
            return _tube(primitive)
    raise TypeError(f"no triangles for {type(primitive).__name__}")


def _torus(torus: Torus) -> np.ndarray:
    u = (torus.start + np.linspace(0.0, torus.arc, 25))[:, None]
    v = np.linspace(0.0, 2.0 * math.pi, 11)[None]
    radius = torus.ring + torus.tube * np.cos(v)
    z = np.broadcast_to(torus.tube * np.sin(v), radius.shape) + 0.0 * u
    return cells(np.stack([radius * np.cos(u), radius * np.sin(u), z], axis=2))


def _tube(tube: Tube) -> np.ndarray:
    if len(tube.vertices) == 2 and tube.radii[0] == tube.radii[1]:
        return rods(tube.vertices[:1], tube.vertices[1:], float(tube.radii[0]))
    angles = np.linspace(0.0, 2.0 * math.pi, 11)
    across = np.cos(angles)[:, None] * tube.first[:, None] + np.sin(angles)[:, None] * tube.second[:, None]
    low = tube.vertices[:-1, None] + tube.radii[:-1, None, None] * across
    high = tube.vertices[1:, None] + tube.radii[1:, None, None] * across
    a, b, c, d = low[:, :-1], high[:, :-1], high[:, 1:], low[:, 1:]
    return np.stack([a, b, c, a, c, d], axis=2).reshape(-1, 3, 3)
