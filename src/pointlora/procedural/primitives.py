"""Surfaces that can be sampled uniformly by area: box, ellipsoid, capsule, torus, surface of revolution, tube.

Each primitive has an `area` (float, in squared units of its sizes) and `sample(rng, count) -> (count, 3) float64`,
whose points lie on the surface and are independent and uniform by area. Flat and lofted ones are in `meshes`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

TWO_PI = 2.0 * math.pi


class Primitive(Protocol):
    """What a part of a shape is made of: a surface with an area that can be sampled."""

    area: float

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return (count, 3) float64 points, uniform by area."""


class Box:
    """Surface of an axis-aligned box of full sizes (x, y, z), centred at the origin; a size of 0 makes a flat panel."""

    def __init__(self, x: float, y: float, z: float) -> None:
        self.size = np.array([x, y, z])
        self._cumulative = np.cumsum([y * z, x * z, x * y])
        self.area = 2.0 * float(self._cumulative[-1])

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        points = rng.random((count, 3)) - 0.5
        axis = np.searchsorted(self._cumulative, rng.random(count) * self._cumulative[-1], side="right")
        rows = np.arange(count)
        points[rows, axis] = np.where(points[rows, axis] < 0.0, -0.5, 0.5)
        return points * self.size


class Ellipsoid:
    """Surface of an ellipsoid of semi-axes (a, b, c) at the origin; its area is Thomsen's formula (within 1.1%)."""

    def __init__(self, a: float, b: float, c: float) -> None:
        self.axes = np.array([a, b, c])
        # An area element of the unit sphere with normal n grows by |(bc, ac, ab) * n| under the stretch.
        self._stretch = np.array([b * c, a * c, a * b])
        self.area = 2.0 * TWO_PI * float(np.mean(self._stretch**1.6075)) ** (1.0 / 1.6075)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        if self.axes[0] == self.axes[1] == self.axes[2]:
            return _on_unit_sphere(rng, count) * self.axes
        kept = np.empty((0, 3))
        top = self._stretch.max()
        while len(kept) < count:
            normals = _on_unit_sphere(rng, 16 + int(1.5 * (count - len(kept)) * top / self._stretch.mean()))
            growth = np.sqrt(((normals * self._stretch) ** 2).sum(axis=1))
            kept = np.concatenate([kept, normals[rng.random(len(normals)) * top < growth]])
        return kept[:count] * self.axes


class Capsule:
    """A cylinder along z of a length, closed by half spheres, centred at the origin."""

    def __init__(self, radius: float, length: float) -> None:
        self.radius, self.length = radius, length
        self.area = TWO_PI * radius * (length + 2.0 * radius)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        # Archimedes' hat-box theorem: area is uniform in height on the spheres and the cylinder alike.
        z = (rng.random(count) - 0.5) * (self.length + 2.0 * self.radius)
        beyond = np.maximum(np.abs(z) - 0.5 * self.length, 0.0)
        radius = np.sqrt(np.maximum(self.radius**2 - beyond**2, 0.0))
        angle = TWO_PI * rng.random(count)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


class Torus:
    """A torus about z, or the arc of one from angle `start` (radians) over `arc`, of a ring and a tube radius."""

    def __init__(self, ring: float, tube: float, arc: float = TWO_PI, start: float = 0.0) -> None:
        self.ring, self.tube, self.arc, self.start = ring, tube, arc, start
        self.area = arc * ring * TWO_PI * tube

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        minor = TWO_PI * rng.random(count)
        # Density must be (1 + e cos)/2pi: reflecting the rejected angles gives exactly that with no point wasted.
        keep = 2.0 * rng.random(count) < 1.0 + self.tube / self.ring * np.cos(minor)
        minor = np.where(keep, minor, math.pi - minor)
        major = self.start + self.arc * rng.random(count)
        radius = self.ring + self.tube * np.cos(minor)
        return np.stack([radius * np.cos(major), radius * np.sin(major), self.tube * np.sin(minor)], axis=1)


class Revolution:
    """The surface that a polyline of (radius, z) vertices sweeps about the z axis, or over an arc from angle 0."""

    def __init__(self, profile: Sequence[tuple[float, float]] | np.ndarray, arc: float = TWO_PI) -> None:
        self.profile, self.arc = np.asarray(profile, dtype=np.float64), arc
        lengths = np.sqrt((np.diff(self.profile, axis=0) ** 2).sum(axis=1))
        self._cumulative = np.cumsum(lengths * 0.5 * (self.profile[:-1, 0] + self.profile[1:, 0]) * arc)
        self.area = float(self._cumulative[-1])

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        segment = choose_by_area(self._cumulative, rng, count)
        start, end = self.profile[segment], self.profile[segment + 1]
        along = _along_frustum(start[:, 0], end[:, 0], rng.random(count))
        radius, z = (start + (end - start) * along[:, None]).T
        angle = self.arc * rng.random(count)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


class Tube:
    """A tube along a polyline (K, 3): a straight frustum a segment, a radius a vertex, ends closed or not."""

    def __init__(
        self, path: Sequence[Sequence[float]] | np.ndarray, radius: float | Sequence[float], closed: bool = True
    ) -> None:
        vertices = np.asarray(path, dtype=np.float64)
        steps = np.diff(vertices, axis=0)
        lengths = np.sqrt((steps**2).sum(axis=1))
        directions = steps / np.maximum(lengths, 1e-12)[:, None]
        radii = np.full(len(vertices), radius) if isinstance(radius, (int, float)) else np.asarray(radius)
        if closed:  # an end disc is a frustum of no length whose radius grows from 0
            vertices = np.concatenate([vertices[:1], vertices, vertices[-1:]])
            radii = np.concatenate([[0.0], radii, [0.0]])
            lengths = np.concatenate([[0.0], lengths, [0.0]])
            directions = np.concatenate([directions[:1], directions, directions[-1:]])
        self.vertices, self.radii = vertices, radii
        self.first, self.second = perpendicular(directions)
        slants = np.sqrt(lengths**2 + np.diff(radii) ** 2)
        self._cumulative = np.cumsum(slants * math.pi * (radii[:-1] + radii[1:]))
        self.area = float(self._cumulative[-1])

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        segment = choose_by_area(self._cumulative, rng, count)
        start, end = self.radii[segment], self.radii[segment + 1]
        along = _along_frustum(start, end, rng.random(count))
        radius = start + (end - start) * along
        angle = TWO_PI * rng.random(count)
        centre = self.vertices[segment] + (self.vertices[segment + 1] - self.vertices[segment]) * along[:, None]
        across = (radius * np.cos(angle))[:, None] * self.first[segment]
        return centre + across + (radius * np.sin(angle))[:, None] * self.second[segment]


def frustum(bottom: float, top: float, height: float, closed: bool = True) -> Revolution:
    """A cone (a radius of 0), cylinder or frustum about z that stands on z = 0."""
    side = [(bottom, 0.0), (top, height)]
    return Revolution([(0.0, 0.0), *side, (0.0, height)] if closed else side)


def cylinder(radius: float, height: float, closed: bool = True) -> Revolution:
    """A cylinder about z that stands on z = 0."""
    return frustum(radius, radius, height, closed)


def rod(start: Sequence[float], end: Sequence[float], radius: float, end_radius: float | None = None) -> Tube:
    """A straight closed rod between two points, tapering to `end_radius` if given."""
    return Tube([start, end], [radius, radius if end_radius is None else end_radius])


def _on_unit_sphere(rng: np.random.Generator, count: int) -> np.ndarray:
    z = 2.0 * rng.random(count) - 1.0
    angle = TWO_PI * rng.random(count)
    radius = np.sqrt(1.0 - z * z)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=1)


def choose_by_area(cumulative: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """Indices drawn in proportion to the steps of a cumulative sum."""
    index = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    return np.minimum(index, len(cumulative) - 1)


def _along_frustum(start: np.ndarray, end: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Fractions t in [0, 1] with density in proportion to the radius start + (end - start) t (inverse of its CDF)."""
    root = np.sqrt(start**2 + uniform * (end**2 - start**2))
    return uniform * (start + end) / np.maximum(start + root, 1e-300)


def perpendicular(directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors that complete each unit direction to an orthonormal frame (Duff et al., JCGT 2017)."""
    x, y, z = directions.T
    sign = np.copysign(1.0, z)
    a = -1.0 / (sign + z)
    b = x * y * a
    first = np.stack([1.0 + sign * x * x * a, sign * b, -sign * x], axis=1)
    return first, np.stack([b, sign + y * y * a, -y], axis=1)
