"""Triangle surfaces sampled uniformly by area: lofts through sections, slabs, extruded outlines; and bends.

Warps act on the vertices of a mesh before it is sampled, so the sampling stays exactly uniform on the warped surface.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from pointlora.procedural.primitives import choose_by_area


class Mesh:
    """Triangles (T, 3, 3): triangle, corner, xyz. Triangles without area are allowed and never sampled."""

    def __init__(self, triangles: np.ndarray) -> None:
        self.triangles = triangles
        self._origin = triangles[:, 0]
        self._u, self._v = triangles[:, 1] - self._origin, triangles[:, 2] - self._origin
        (ux, uy, uz), (vx, vy, vz) = self._u.T, self._v.T
        normals = (uy * vz - uz * vy) ** 2 + (uz * vx - ux * vz) ** 2 + (ux * vy - uy * vx) ** 2
        self._cumulative = np.cumsum(0.5 * np.sqrt(normals))
        self.area = float(self._cumulative[-1])

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return (count, 3) float64 points, uniform by area."""
        index = choose_by_area(self._cumulative, rng, count)
        weights = rng.random((2, count))
        # Points in the far half of the parallelogram are turned back into the triangle.
        first, second = np.where(weights.sum(axis=0) > 1.0, 1.0 - weights, weights)
        return self._origin[index] + first[:, None] * self._u[index] + second[:, None] * self._v[index]

    def warped(self, warp: Callable[[np.ndarray], np.ndarray]) -> Mesh:
        """The mesh with every vertex moved by a function of (M, 3) points to (M, 3) points."""
        return Mesh(warp(self.triangles.reshape(-1, 3)).reshape(-1, 3, 3))

    def mirrored(self) -> Mesh:
        """The mesh with y turned into -y."""
        return Mesh(self.triangles * np.array([1.0, -1.0, 1.0]))


def grid(vertices: np.ndarray) -> Mesh:
    """The surface through a grid of vertices (M, N, 3), two triangles per cell."""
    return Mesh(cells(vertices))


def loft(sections: np.ndarray, capped: bool = True) -> Mesh:
    """The skin over S closed sections of K vertices each (S, K, 3), with the first and last section filled or not."""
    loops = np.concatenate([sections, sections[:, :1]], axis=1)
    if not capped:
        return grid(loops)
    ends = loops[[0, -1]]
    centres = np.broadcast_to(sections[[0, -1]].mean(axis=1)[:, None], ends[:, :-1].shape)
    caps = np.stack([ends[:, :-1], ends[:, 1:], centres], axis=2).reshape(-1, 3, 3)
    return Mesh(np.concatenate([cells(loops), caps]))


def body(
    stations: Sequence[tuple[float, float, float, float]],
    axis: str = "x",
    exponent: float = 2.0,
    vertices: int = 20,
    capped: bool = True,
) -> Mesh:
    """A loft of superellipses |a|^e + |b|^e = 1 along an axis, one for each station.

    Args:
        stations: along "x": (x, half width in y, half height in z, z of the centre);
            along "z": (z, half size in x, half size in y, x of the centre).
        exponent: 2 is an ellipse; more is squarer.
    """
    place, half_a, half_b, centre = np.asarray(stations, dtype=np.float64).T[:, :, None]
    a, b = _superellipse(round(exponent, 3), vertices)
    at = np.broadcast_to(place, (len(stations), vertices))
    if axis == "x":
        return loft(np.stack([at, half_a * a, centre + half_b * b], axis=2), capped)
    return loft(np.stack([centre + half_a * a, half_b * b, at], axis=2), capped)


def slab(x: float, y: float, z: float, divisions: int = 8) -> Mesh:
    """A box of full sizes centred at the origin, divided along y, to be bent or tapered."""
    ring = np.array([[-x, -z], [x, -z], [x, z], [-x, z]]) / 2.0
    sections = np.empty((divisions + 1, 4, 3))
    sections[:, :, 0], sections[:, :, 2] = ring[:, 0], ring[:, 1]
    sections[:, :, 1] = np.linspace(-y / 2.0, y / 2.0, divisions + 1)[:, None]
    return loft(sections)


def rounded_slab(x: float, y: float, z: float, corner: float) -> Mesh:
    """A slab of full sizes centred at the origin, with vertical edges rounded to a corner radius."""
    corner = min(corner, x / 2.0, y / 2.0)
    turn = np.linspace(0.0, 2.0 * math.pi, 24, endpoint=False) + math.pi / 24
    unit = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    outline = corner * unit + np.sign(unit) * np.array([x / 2.0 - corner, y / 2.0 - corner])
    return prism(outline, outline, z, base=-z / 2.0)


def prism(bottom: np.ndarray, top: np.ndarray, height: float, base: float = 0.0, capped: bool = True) -> Mesh:
    """The skin between two outlines (K, 2), star-shaped about their centre, at z = base and base + height."""
    sections = np.empty((2, len(bottom), 3))
    sections[0, :, :2], sections[1, :, :2] = bottom, top
    sections[:, :, 2] = [[base], [base + height]]
    return loft(sections, capped)


def extrusion(outline: Sequence[tuple[float, float]] | np.ndarray, depth: float) -> Mesh:
    """A flat polygon (K, 2) of any simple outline, given counter-clockwise, thickened from z = 0 to z = depth."""
    ring = np.asarray(outline, dtype=np.float64)
    sections = np.empty((2, len(ring), 3))
    sections[:, :, :2] = ring
    sections[:, :, 2] = [[0.0], [depth]]
    faces = np.asarray(_ears([(float(x), float(y)) for x, y in ring]))
    side = cells(np.concatenate([sections, sections[:, :1]], axis=1))
    return Mesh(np.concatenate([side, sections[0][faces], sections[1][faces]]))


def bend(points: np.ndarray, curvature: float) -> np.ndarray:
    """Roll the y axis of (M, 3) points onto a circle in the xy plane of curvature 1/radius, toward +x at both ends."""
    if abs(curvature) < 1e-9:
        return points
    radius, angle = 1.0 / curvature - points[:, 0], points[:, 1] * curvature
    return np.stack([1.0 / curvature - radius * np.cos(angle), radius * np.sin(angle), points[:, 2]], axis=1)


def cells(vertices: np.ndarray) -> np.ndarray:
    """Triangles (2 (M - 1) (N - 1), 3, 3) of the surface through a grid of vertices (M, N, 3)."""
    a, b, c, d = vertices[:-1, :-1], vertices[1:, :-1], vertices[1:, 1:], vertices[:-1, 1:]
    return np.stack([a, b, c, a, c, d], axis=2).reshape(-1, 3, 3)


@lru_cache(maxsize=64)
def _superellipse(exponent: float, vertices: int) -> tuple[np.ndarray, np.ndarray]:
    angle = 2.0 * math.pi * (np.arange(vertices) + 0.5) / vertices
    a, b = np.cos(angle), np.sin(angle)
    power = 2.0 / exponent
    return np.sign(a) * np.abs(a) ** power, np.sign(b) * np.abs(b) ** power


def _ears(ring: list[tuple[float, float]]) -> list[tuple[int, int, int]]:
    """Triangulate a simple counter-clockwise polygon by cutting ears (for up to about 40 vertices)."""

    def turn(a: int, b: int, c: int) -> float:
        (ax, ay), (bx, by), (cx, cy) = ring[a], ring[b], ring[c]
        return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)

    def is_ear(a: int, b: int, c: int) -> bool:
        if turn(a, b, c) <= 0.0:
            return False
        others = (p for p in left if p not in (a, b, c))
        return not any(turn(a, b, p) >= 0.0 and turn(b, c, p) >= 0.0 and turn(c, a, p) >= 0.0 for p in others)

    left, faces = list(range(len(ring))), []
    while len(left) > 3:
        n = len(left)
        # A polygon whose vertices touch may show no strict ear; then any corner is cut so that the loop ends.
        i = next((i for i in range(n) if is_ear(left[i - 1], left[i], left[(i + 1) % n])), 0)
        faces.append((left[i - 1], left[i], left[(i + 1) % n]))
        del left[i]
    return [*faces, (left[0], left[1], left[2])]
