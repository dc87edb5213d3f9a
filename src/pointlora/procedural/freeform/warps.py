"""Smooth deformations of surfaces: bent, twisted, tapered, sheared, bulged, or moved by low-frequency waves."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pointlora.procedural.assembly import Draw
from pointlora.procedural.freeform.surface import Surface

Warp = Callable[[np.ndarray], np.ndarray]


def deformed(surface: Surface, draw: Draw) -> Surface:
    """The surface after one or two random deformations, the triangles divided so that they can follow."""
    low, high = surface.bounds()
    centre, half = (low + high) / 2.0, float((high - low).max()) / 2.0
    unit = surface.warped(lambda points: (points - centre) / half).divided(0.3)
    for _ in range(draw.pick(1, 1, 2)):
        kind = draw.pick("bend", "bend", "twist", "taper", "bulge", "waves", "waves", "shear")
        unit = unit.warped(_WARPS[kind](draw))
    return unit


def _bent(draw: Draw) -> Warp:
    """One axis rolled onto a circle toward another."""
    along, toward = draw.pick((0, 2), (1, 2), (2, 0), (2, 1), (0, 1), (1, 0))
    curvature = draw(0.4, 1.5)
    aside = draw(-0.5, 0.5)

    def warp(points: np.ndarray) -> np.ndarray:
        angle, radius = (points[:, along] - aside) * curvature, 1.0 / curvature - points[:, toward]
        result = points.copy()
        result[:, along] = radius * np.sin(angle)
        result[:, toward] = 1.0 / curvature - radius * np.cos(angle)
        return result

    return warp


def _twisted(draw: Draw) -> Warp:
    axis, rate = draw.pick(0, 1, 2, 2), draw(0.4, 1.6) * draw.pick(-1.0, 1.0)
    u, v = (axis + 1) % 3, (axis + 2) % 3

    def warp(points: np.ndarray) -> np.ndarray:
        c, s = np.cos(rate * points[:, axis]), np.sin(rate * points[:, axis])
        result = points.copy()
        result[:, u], result[:, v] = c * points[:, u] - s * points[:, v], s * points[:, u] + c * points[:, v]
        return result

    return warp


def _tapered(draw: Draw) -> Warp:
    """Wider at one end; along one axis across it or both."""
    axis, slope = draw.pick(0, 1, 2, 2), draw(0.25, 0.7) * draw.pick(-1.0, 1.0)
    across = [(axis + 1) % 3, (axis + 2) % 3][draw.pick(0, 0, 1) :]

    def warp(points: np.ndarray) -> np.ndarray:
        result = points.copy()
        result[:, across] *= (1.0 + slope * points[:, axis : axis + 1]).clip(0.1)
        return result

    return warp


def _bulged(draw: Draw) -> Warp:
    """Thicker or thinner in the middle of an axis."""
    axis, depth = draw.pick(0, 1, 2, 2), draw.pick(draw(0.2, 0.7), draw(-0.6, -0.2))

    def warp(points: np.ndarray) -> np.ndarray:
        scale = 1.0 + depth * np.cos(0.5 * math.pi * points[:, axis : axis + 1])
        result = points * scale
        result[:, axis] = points[:, axis]
        return result

    return warp


def _sheared(draw: Draw) -> Warp:
    matrix = np.eye(3)
    matrix[draw.pick(0, 1), 2] = draw(-0.7, 0.7)
    matrix[0, 1] = draw(-0.4, 0.4)
    return lambda points: points @ matrix.T


def _waved(draw: Draw) -> Warp:
    """Every point moved by a sum of three plane waves."""
    waves = np.array([[draw(-1.0, 1.0) for _ in range(3)] for _ in range(3)])
    waves *= draw(1.0, 3.0) / np.sqrt((waves**2).sum(axis=1, keepdims=True))
    moves = np.array([[draw(-1.0, 1.0) for _ in range(3)] for _ in range(3)]) * draw(0.06, 0.2)
    phases = np.array([draw(0.0, 2.0 * math.pi) for _ in range(3)])
    return lambda points: points + np.sin(points @ waves.T + phases) @ moves


_WARPS = {
    "bend": _bent,
    "twist": _twisted,
    "taper": _tapered,
    "bulge": _bulged,
    "waves": _waved,
    "shear": _sheared,
}
