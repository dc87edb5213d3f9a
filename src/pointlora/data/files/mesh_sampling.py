"""Points drawn uniformly by area from the surface of a triangle mesh."""

from __future__ import annotations

import numpy as np


def triangle_areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return the area of each triangle, (F,) float64, for vertices (V, 3) and indices (F, 3)."""
    corners = vertices.astype(np.float64)[triangles]
    sides = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return 0.5 * np.linalg.norm(sides, axis=1)


def sample_mesh(vertices: np.ndarray, triangles: np.ndarray, num_samples: int, seed: int) -> np.ndarray:
    """Draw points uniformly by area; the same arguments give the same points.

    A triangle is drawn with a probability in proportion to its area, then a point in it as (1 - sqrt(u)) a +
    sqrt(u) (1 - v) b + sqrt(u) v c with u, v uniform (Osada et al., Shape Distributions, 2002, eq. 1). Triangles
    without area are never drawn.

    Args:
        vertices: (V, 3) coordinates.
        triangles: (F, 3) indices into `vertices`.
        num_samples: number of points.
        seed: of the random numbers, >= 0.

    Returns:
        (num_samples, 3) float64.

    Raises:
        ValueError: no triangle has an area.
    """
    areas = triangle_areas(vertices, triangles)
    cumulative = np.cumsum(areas)
    if not len(areas) or not cumulative[-1] > 0:
        raise ValueError("no triangle of the mesh has an area")
    random = np.random.default_rng([seed])
    position = random.random(num_samples) * cumulative[-1]
    # side="right" steps over triangles without area; rounding up to the total must not step over the last one.
    last = int(np.flatnonzero(areas)[-1])
    chosen = np.minimum(np.searchsorted(cumulative, position, side="right"), last)
    root = np.sqrt(random.random((num_samples, 1)))
    split = random.random((num_samples, 1))
    a, b, c = (vertices.astype(np.float64)[triangles[chosen, corner]] for corner in range(3))
    # Written with edges, so that a constant coordinate stays exactly constant.
    return a + root * (1 - split) * (b - a) + root * split * (c - a)
