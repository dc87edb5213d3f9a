"""Scan-like variants of shapes: hidden surfaces, cut-offs, floor and neighbours, uneven density, noise, outliers.

The perturbations follow what makes ScanObjectNN's hardest split (PB_T50_RS: boxes shifted by up to half their size,
rotated, with background) harder than CAD models.
"""

from __future__ import annotations

import math

import numpy as np

from pointlora.checks import check_integer
from pointlora.errors import ShapeError
from pointlora.procedural.assembly import turn
from pointlora.procedural.primitives import Box, cylinder
from pointlora.procedural.registry import (
    CATEGORIES,
    ProceduralShape,
    category_index,
    generate_shape,
    generator,
    squared_norms,
    unit_sphere,
)
from pointlora.procedural.scan_options import ScanOptions
from pointlora.procedural.visibility import visible

CLUTTER = -1  # the part id of points that do not belong to the object
_STREAM_SCAN = 2
_OVERSAMPLING = 3  # points built for each point wanted, as about half are hidden or cut
_CLUTTER_OVERSAMPLING = 2.5
_LEAST_SEEN = 0.15  # a view of less of the object than this is blocked by a wall or a neighbour, which is then ignored


def scan(
    shape: ProceduralShape | int | str,
    seed: int,
    num_points: int | None = None,
    options: ScanOptions | None = None,
) -> ProceduralShape:
    """Turn a shape into what a depth camera in a room might have seen of it.

    Args:
        shape: a category (its shape is `generate_shape(category, seed)`, built with more points than are wanted), or a
            shape, preferably with 2 to 3 times the points wanted: points are repeated where too few stay visible.
        seed: >= 0; with the shape it decides everything.
        num_points: points returned; None means 2048 for a category and as many as the shape has for a shape.
        options: strengths; None means the defaults.

    Returns:
        A `ProceduralShape` of exactly `num_points` points in the unit sphere, clutter and outliers labelled -1.

    Raises:
        ConfigError: for an unknown category, a negative seed or num_points < 1.
        ShapeError: for a shape without points or with values that are not finite.
    """
    options = options or ScanOptions()
    check_integer("seed", seed, 0)
    if isinstance(shape, ProceduralShape):
        if len(shape.points) == 0 or not np.isfinite(shape.points).all():
            raise ShapeError(f"scan needs at least 1 finite point, got points of shape {tuple(shape.points.shape)}")
        num_points = len(shape.points) if num_points is None else num_points
        check_integer("num_points", num_points, 1)
    else:
        num_points = 2048 if num_points is None else num_points
        check_integer("num_points", num_points, 1)
        shape = generate_shape(category_index(shape), seed, _OVERSAMPLING * num_points)
    rng = generator(CATEGORIES[shape.category], seed, _STREAM_SCAN)
    rotation = _random_rotation(rng, options)
    points = shape.points.astype(np.float64)
    share = options.clutter * rng.uniform(0.2, 1.0)
    clutter = _clutter(rng, points, int(share * _CLUTTER_OVERSAMPLING * num_points))
    points = np.concatenate([points, clutter]) @ rotation.T
    parts = np.concatenate([shape.parts, np.full(len(clutter), CLUTTER)])
    seen, distance = _seen(rng, points, parts != CLUTTER, options)
    seen &= _inside_shifted_box(rng, points, parts != CLUTTER, seen, options)
    weights = np.where(seen, distance**-options.density, 0.0)
    chosen = _choose(rng, weights, parts != CLUTTER, share, num_points)
    points, parts = points[chosen], parts[chosen].astype(np.int64)
    points = points + rng.normal(size=points.shape) * (options.noise * rng.uniform(0.4, 1.0))
    replaced = rng.random(num_points) < options.outliers
    low, high = _bounds(points)
    points[replaced] = low + (high - low) * rng.random((int(replaced.sum()), 3))
    parts[replaced] = CLUTTER
    return ProceduralShape(unit_sphere(points), parts, shape.category)


def _bounds(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows = np.ascontiguousarray(points.T)
    return rows.min(axis=1), rows.max(axis=1)


def _random_rotation(rng: np.random.Generator, options: ScanOptions) -> np.ndarray:
    about_z = turn("z", rng.uniform(-1.0, 1.0) * options.rotation)
    lean_x, lean_y = rng.normal(size=2) * options.tilt
    return turn("x", lean_x) @ turn("y", lean_y) @ about_z


def _seen(
    rng: np.random.Generator, points: np.ndarray, own: np.ndarray, options: ScanOptions
) -> tuple[np.ndarray, np.ndarray]:
    """Visibility (N,) from one or more random viewpoints, and the distance (N,) to the nearest of them."""
    azimuth, count = rng.uniform(0.0, 2.0 * math.pi), int(rng.integers(1, max(options.views, 1) + 1))
    seen, nearest = np.zeros(len(points), dtype=bool), np.full(len(points), np.inf)
    for _ in range(count):
        elevation, far = rng.uniform(0.15, 0.95), rng.uniform(2.2, 4.0)
        flat = far * math.cos(elevation)
        viewpoint = np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), far * math.sin(elevation)])
        # A fixed tolerance would cut slanted surfaces into stripes, one per cell.
        tolerance = options.depth_tolerance * rng.uniform(0.3, 1.7, len(points))
        shown = visible(points, viewpoint, tolerance)
        if shown[own].mean() < _LEAST_SEEN:
            shown[own] = visible(points[own], viewpoint, tolerance[own])
        seen |= shown
        nearest = np.minimum(nearest, np.sqrt(squared_norms(points - viewpoint)))
        azimuth += rng.uniform(-1.4, 1.4)  # a camera carried around the object, not jumping behind it
    return (seen if options.views else np.ones(len(points), dtype=bool)), nearest


def _clutter(rng: np.random.Generator, points: np.ndarray, total: int) -> np.ndarray:
    """Points (total, 3) of a floor patch, sometimes of a wall or of something that stands beside the object."""
    low, high = _bounds(points)
    size = high - low
    floor = low + size * (rng.random((total, 3)) * 1.5 - 0.25)
    floor[:, 2] = low[2]
    pieces, kind = [floor], rng.random()
    if kind < 0.25:
        wall = low + size * (rng.random((total // 2, 3)) * [1.0, 1.4, 1.2] - [0.0, 0.2, 0.0])
        wall[:, 0] = low[0] - rng.uniform(0.02, 0.2)
        pieces = [floor[total // 2 :], wall]
    elif kind < 0.6:
        width, height = rng.uniform(0.2, 0.7), rng.uniform(0.2, 1.2)
        thing = Box(width, rng.uniform(0.2, 0.7), height) if rng.random() < 0.5 else cylinder(width / 2, height)
        angle = rng.uniform(0.0, 2.0 * math.pi)
        away = np.array([math.cos(angle), math.sin(angle), 0.0])
        beside = 0.5 * (low + high) + 0.5 * (rng.uniform(0.9, 1.1) * size + 0.6 * width) * away
        beside[2] = low[2] + (height / 2 if isinstance(thing, Box) else 0.0)
        pieces = [floor[total // 2 :], thing.sample(rng, total // 2) + beside]
    return np.concatenate(pieces)


def _inside_shifted_box(
    rng: np.random.Generator, points: np.ndarray, own: np.ndarray, seen: np.ndarray, options: ScanOptions
) -> np.ndarray:
    """Which points (N,) the object's bounding box keeps after a random shift that cuts at most half of what is seen."""
    low, high = _bounds(points[own])
    size = high - low
    shift = rng.uniform(-1.0, 1.0, size=3) * options.crop * size
    margin = rng.uniform(0.05, 0.25) * size
    visible_own = own & seen
    for _ in range(4):
        inside = _within(points, low + shift - margin, high + shift + margin)
        if 2 * int((inside & visible_own).sum()) >= int(visible_own.sum()):
            return inside
        shift = shift / 2
    return _within(points, low - margin, high + margin)


def _within(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    inside = np.ones(len(points), dtype=bool)
    for axis in range(3):
        inside &= (points[:, axis] >= low[axis]) & (points[:, axis] <= high[axis])
    return inside


def _choose(rng: np.random.Generator, weights: np.ndarray, own: np.ndarray, share: float, count: int) -> np.ndarray:
    """`count` indices in random order, a share of them of clutter as far as its points with weight go."""
    own_rows, other_rows = np.flatnonzero(own & (weights > 0.0)), np.flatnonzero(~own & (weights > 0.0))
    others = min(int(share * count), len(other_rows))
    picked = other_rows[_weighted_choice(rng, weights[other_rows], others)]
    return rng.permutation(np.concatenate([own_rows[_weighted_choice(rng, weights[own_rows], count - others)], picked]))


def _weighted_choice(rng: np.random.Generator, weights: np.ndarray, count: int) -> np.ndarray:
    """`count` of n indices by weight (Efraimidis and Spirakis, 2006), without repeats unless n < count."""
    keys = rng.exponential(size=len(weights)) / weights
    order = np.arange(len(keys))
    if count < len(keys):  # sorted, because the order within a partition differs between processors
        order = np.sort(np.argpartition(keys, count)[:count])
    elif count > len(keys):
        order = np.concatenate([order, rng.integers(0, len(order), count - len(order))])
    return order
