"""Bodies with triangles for their surface and a test for their inside: boxes, cylinders, balls, rings, prisms, lathed.

Each is defined in a cube from -1 to 1 and placed by a matrix and an offset. Copies in a row or a ring are one body.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pointlora.procedural.meshes import cells

Vector = np.ndarray | Sequence[float]
Test = Callable[[np.ndarray], np.ndarray]  # rows x, y, z (3, N) to bool (N,)

_SIDES = 24


@dataclass(frozen=True)
class Solid:
    """A body: unit triangles (T, 3, 3) and the test of its inside, placed as matrix p + offset."""

    unit: np.ndarray
    test: Test
    matrix: np.ndarray
    offset: np.ndarray

    @property
    def half(self) -> np.ndarray:
        """Half sizes (3,) of the box around it; larger than they need be where it is turned by odd angles."""
        return np.abs(self.matrix).sum(axis=1)

    @property
    def boxlike(self) -> bool:
        """Whether the body fills the box around it."""
        return self.unit is _BOX

    def triangles(self) -> np.ndarray:
        """The placed surface (T, 3, 3)."""
        return (self.unit.reshape(-1, 3) @ self.matrix.T + self.offset).reshape(-1, 3, 3)

    def contains(self, points: np.ndarray) -> np.ndarray:
        """Which of the points in rows x, y, z (3, N) are inside, (N,) bool."""
        return self.test(_inverse(self.matrix) @ (points - self.offset[:, None]))

    def at(self, x: float, y: float, z: float) -> Solid:
        """The body with its centre there."""
        return Solid(self.unit, self.test, self.matrix, np.array([x, y, z]))

    def transformed(self, matrix: np.ndarray) -> Solid:
        """The body turned, stretched or mirrored about the origin by a (3, 3) matrix."""
        return Solid(self.unit, self.test, matrix @ self.matrix, matrix @ self.offset)

    def outside(self) -> Solid:
        """Everything but this body: as a cut it leaves what is inside of it."""
        return Solid(self.unit, lambda p: ~self.test(p), self.matrix, self.offset)


def half_space(size: float) -> Solid:
    """Everything above the xy plane; of the plane itself only a square of a full size can be seen."""
    return _solid(_SQUARE, lambda p: p[2] > 0.0, (size, size, size))


def _inverse(matrix: np.ndarray) -> np.ndarray:
    """The inverse of a (3, 3) matrix by its cofactors; numpy's takes several times as long."""
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    x, y, z = e * i - f * h, f * g - d * i, d * h - e * g
    scale = 1.0 / (a * x + b * y + c * z)
    return scale * np.array(
        [(x, c * h - b * i, b * f - c * e), (y, a * i - c * g, c * d - a * f), (z, b * g - a * h, a * e - b * d)]
    )


def _solid(unit: np.ndarray, test: Test, size: Vector) -> Solid:
    return Solid(unit, test, np.diag(np.asarray(size, dtype=np.float64)) / 2.0, np.zeros(3))


def box(x: float, y: float, z: float) -> Solid:
    """A box of full sizes, centred at the origin."""
    return _solid(_BOX, lambda p: np.abs(p).max(axis=0) < 1.0, (x, y, z))


def frustum(x: float, y: float, z: float, top: float = 1.0, sides: int = _SIDES) -> Solid:
    """An elliptic cylinder, or a cone whose upper end is `top` times its lower one."""
    middle, slope = (1.0 + top) / 2.0, (top - 1.0) / 2.0

    def test(p: np.ndarray) -> np.ndarray:
        radius = np.maximum(middle + slope * p[2], 0.0)
        return (p[0] ** 2 + p[1] ** 2 < radius**2) & (np.abs(p[2]) < 1.0)

    unit = _cylinder(sides)
    if top != 1.0:
        unit = unit * np.where(unit[..., 2:] > 0.0, [top, top, 1.0], 1.0)
    return _solid(unit, test, (x, y, z))


def ball(x: float, y: float, z: float, exponent: float = 2.0) -> Solid:
    """An ellipsoid of full sizes, or a squarer one: |x|^e + |y|^e + |z|^e = 1."""
    if exponent == 2.0:
        return _solid(_ball(2.0), lambda p: (p * p).sum(axis=0) < 1.0, (x, y, z))
    power = round(exponent, 1)
    return _solid(_ball(power), lambda p: (np.abs(p) ** power).sum(axis=0) < 1.0, (x, y, z))


def ring(x: float, y: float, z: float, thickness: float) -> Solid:
    """A torus about z; `thickness` in (0, 0.5] is its tube's radius where the outer radius is 1."""
    outer = 1.0 - thickness
    u = np.linspace(0.0, 2.0 * math.pi, 29)[:, None]
    v = np.linspace(0.0, 2.0 * math.pi, 13)[None]
    radius = outer + thickness * np.cos(v)
    vertices = np.stack([radius * np.cos(u), radius * np.sin(u), np.broadcast_to(np.sin(v), (29, 13))], axis=2)

    def test(p: np.ndarray) -> np.ndarray:
        return ((np.hypot(p[0], p[1]) - outer) / thickness) ** 2 + p[2] ** 2 < 1.0

    return _solid(cells(vertices), test, (x, y, z))


def prism(outline: np.ndarray, x: float, y: float, z: float, top: float = 1.0) -> Solid:
    """An outline (K, 2) within the unit circle, star-shaped about the origin and counter-clockwise, made z high.

    The upper end is `top` times the lower one.
    """
    sections = np.empty((2, len(outline), 3))
    sections[:, :, :2] = [outline, top * outline]
    sections[:, :, 2] = [[-1.0], [1.0]]
    angles = np.arctan2(outline[:, 1], outline[:, 0])
    turned = np.roll(outline, -int(angles.argmin()), axis=0)
    angles = np.sort(angles)
    table = np.concatenate([turned.T, (np.roll(turned, -1, axis=0) - turned).T])

    def test(p: np.ndarray) -> np.ndarray:
        inside = np.abs(p[2]) < 1.0
        rows = np.flatnonzero(inside)
        x, y, z = p[:, rows]
        if top != 1.0:
            scale = np.maximum((1.0 + top) / 2.0 + (top - 1.0) / 2.0 * z, 1e-9)
            x, y = x / scale, y / scale
        sector = np.searchsorted(angles, np.arctan2(y, x), side="right") - 1
        start_x, start_y, edge_x, edge_y = table[:, sector]
        inside[rows] = edge_x * (y - start_y) > edge_y * (x - start_x)
        return inside

    return _solid(skinned(sections), test, (x, y, z))


def lathed(profile: np.ndarray, x: float, y: float, z: float) -> Solid:
    """A body turned from (radius, height) vertices (K, 2) in the unit square, the heights rising from -1 to 1."""

    def test(p: np.ndarray) -> np.ndarray:
        return (np.hypot(p[0], p[1]) < np.interp(p[2], profile[:, 1], profile[:, 0])) & (np.abs(p[2]) < 1.0)

    closed = np.concatenate([[[0.0, profile[0, 1]]], profile, [[0.0, profile[-1, 1]]]])
    return _solid(turned_triangles(closed), test, (x, y, z))


def in_rows(solid: Solid, counts: tuple[int, int], pitch: tuple[float, float]) -> Solid:
    """Copies of a body in rows along x and y, centred at the origin; they must not overlap."""
    places = [np.arange(n) - (n - 1) / 2.0 for n in counts]
    offsets = np.array([(pitch[0] * i, pitch[1] * j, 0.0) for i in places[0] for j in places[1]])
    own, (first, last) = solid.triangles(), (places[0][-1], places[1][-1])

    def test(p: np.ndarray) -> np.ndarray:
        q = p.copy()
        for axis, end in ((0, first), (1, last)):
            nearest = np.clip(np.round(p[axis] / pitch[axis] - end), -2.0 * end, 0.0) + end
            q[axis] -= nearest * pitch[axis]
        return solid.contains(q)

    return Solid((own[None] + offsets[:, None, None]).reshape(-1, 3, 3), test, np.eye(3), np.zeros(3))


def in_ring(solid: Solid, count: int) -> Solid:
    """Copies of a body turned about z by equal steps; they must not overlap."""
    step = 2.0 * math.pi / count
    own = solid.triangles()
    angles = step * np.arange(count)
    c, s = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    x, y = own[None, ..., 0], own[None, ..., 1]
    z = np.broadcast_to(own[None, ..., 2], (count, *own.shape[:2]))
    middle = math.atan2(float(solid.offset[1]), float(solid.offset[0]))

    def test(p: np.ndarray) -> np.ndarray:
        angle = np.arctan2(p[1], p[0]) - middle
        angle = angle - step * np.round(angle / step) + middle
        radius = np.hypot(p[0], p[1])
        return solid.contains(np.stack([radius * np.cos(angle), radius * np.sin(angle), p[2]]))

    return Solid(np.stack([c * x - s * y, s * x + c * y, z], axis=-1).reshape(-1, 3, 3), test, np.eye(3), np.zeros(3))


def skinned(sections: np.ndarray, closed: bool = False) -> np.ndarray:
    """Triangles over closed sections (S, K, 3), with both ends filled, or going round from the last to the first."""
    loops = np.concatenate([sections, sections[:, :1]], axis=1)
    if closed:
        return cells(np.concatenate([loops, loops[:1]]))
    ends = loops[[0, -1]]
    centres = np.broadcast_to(sections[[0, -1]].mean(axis=1)[:, None], ends[:, :-1].shape)
    caps = np.stack([ends[:, :-1], ends[:, 1:], centres], axis=2).reshape(-1, 3, 3)
    return np.concatenate([cells(loops), caps])


def turned_triangles(profile: np.ndarray, sides: int = 24, arc: float = 2.0 * math.pi) -> np.ndarray:
    """Triangles that (radius, height) vertices (K, 2) sweep about z, from angle 0 over an arc."""
    angles = np.linspace(0.0, arc, sides + 1)
    vertices = np.empty((len(profile), sides + 1, 3))
    vertices[..., 0] = profile[:, :1] * np.cos(angles)
    vertices[..., 1] = profile[:, :1] * np.sin(angles)
    vertices[..., 2] = profile[:, 1:]
    return cells(vertices)


@lru_cache(maxsize=8)
def _cylinder(sides: int) -> np.ndarray:
    angles = 2.0 * math.pi * np.arange(sides) / sides
    sections = np.empty((2, sides, 3))
    sections[:, :, 0], sections[:, :, 1], sections[:, :, 2] = np.cos(angles), np.sin(angles), [[-1.0], [1.0]]
    return skinned(sections)


@lru_cache(maxsize=64)
def _ball(exponent: float) -> np.ndarray:
    latitude = np.linspace(-math.pi / 2, math.pi / 2, 12)[1:-1]
    round_ = turned_triangles(
        np.concatenate([[[0.0, -1.0]], np.stack([np.cos(latitude), np.sin(latitude)], axis=1), [[0.0, 1.0]]])
    )
    if exponent == 2.0:
        return round_
    return round_ / (np.abs(round_) ** exponent).sum(axis=-1, keepdims=True) ** (1.0 / exponent)


def _unit_box() -> np.ndarray:
    ring_ = np.array([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)])
    square = np.empty((2, 4, 3))
    square[:, :, :2] = ring_
    square[:, :, 2] = [[-1.0], [1.0]]
    ends = square[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3, 3)
    return np.concatenate([cells(np.concatenate([square, square[:, :1]], axis=1)), ends])


_BOX = _unit_box()
_SQUARE = np.array([[(-1, -1, 0), (1, -1, 0), (1, 1, 0)], [(-1, -1, 0), (1, 1, 0), (-1, 1, 0)]], dtype=np.float64)
