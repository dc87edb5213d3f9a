"""Shapes as assemblies of labelled parts: placing primitives, sharing points out by area, and drawing random sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from pointlora.procedural.primitives import Primitive

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """A primitive with the name of the part it belongs to, turned by a (3, 3) rotation and then moved by an offset."""

    primitive: Primitive
    label: str
    rotation: np.ndarray | None = None
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return (count, 3) float64 points on the placed surface."""
        points = self.primitive.sample(rng, count)
        if self.rotation is not None:
            points = points @ self.rotation.T
        return points + self.offset


class Assembly:
    """A list of placed parts; z is up, and what has a front faces +x."""

    def __init__(self) -> None:
        self.parts: list[Part] = []

    def add(
        self,
        label: str,
        primitive: Primitive,
        at: tuple[float, float, float] = (0.0, 0.0, 0.0),
        rotation: np.ndarray | None = None,
    ) -> None:
        """Place a primitive and name the part it belongs to."""
        self.parts.append(Part(primitive, label, rotation, at))

    def turned(self, rotation: np.ndarray, about: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Assembly:
        """The whole assembly rotated about a point."""
        result = Assembly()
        for part in self.parts:
            x, y, z = (rotation @ (np.array(part.offset) - about) + about).tolist()
            own = rotation if part.rotation is None else rotation @ part.rotation
            result.add(part.label, part.primitive, (x, y, z), own)
        return result

    def sample(self, rng: np.random.Generator, count: int, part_names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return `count` points (count, 3) float64 in random order and their part ids (count,) int64."""
        ids = np.array([part_names.index(part.label) for part in self.parts])
        shares = allocate(np.array([part.primitive.area for part in self.parts]), ids, count)
        points = np.concatenate([part.sample(rng, n) for part, n in zip(self.parts, shares.tolist(), strict=True) if n])
        order = rng.permutation(count)
        return points[order], np.repeat(ids, shares)[order]


def allocate(areas: np.ndarray, ids: np.ndarray, count: int) -> np.ndarray:
    """Share `count` points out over primitives in proportion to area, by largest remainders.

    Every part id keeps at least one point where `count` allows it, taken from the largest share.

    Args:
        areas: (P,) surface areas.
        ids: (P,) part id of each primitive.
        count: number of points.

    Returns:
        (P,) int64 numbers that sum to `count`.
    """
    exact = areas * (count / areas.sum())
    shares = np.floor(exact).astype(np.int64)
    shares[np.argsort(shares - exact, kind="stable")[: count - int(shares.sum())]] += 1
    for part in np.flatnonzero(np.bincount(ids, weights=shares) + (np.bincount(ids) == 0) == 0):
        largest = int(shares.argmax())
        if shares[largest] > 1:
            shares[largest] -= 1
            shares[np.flatnonzero(ids == part)[0]] += 1
    return shares


class Draw:
    """Random sizes and choices for one shape, drawn in order from a generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._uniform: list[float] = []

    def __call__(self, low: float, high: float) -> float:
        """A uniform number in [low, high)."""
        if not self._uniform:  # many at once: a call a number would cost more than the shape itself
            self._uniform = self._rng.random(128).tolist()
        return low + (high - low) * self._uniform.pop()

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self(0.0, 1.0) < probability

    def pick(self, *options: T) -> T:
        """One of the options, each as likely as it is often listed."""
        return options[int(self(0.0, len(options)))]

    def count(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return int(self(low, high + 1))


@dataclass(frozen=True)
class Category:
    """A kind of object: its name, its parts in the order of their ids, its builder, and the parts it may lack."""

    name: str
    parts: tuple[str, ...]
    build: Callable[[Draw], Assembly]
    optional: tuple[str, ...] = ()


def turn(axis: str, angle: float) -> np.ndarray:
    """The (3, 3) rotation about "x", "y" or "z" by an angle in radians (right-handed)."""
    c, s = math.cos(angle), math.sin(angle)
    if axis == "x":
        return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
    if axis == "y":
        return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


ALONG_X = turn("y", math.pi / 2)  # turns +z into +x
ALONG_Y = turn("x", -math.pi / 2)  # turns +z into +y
