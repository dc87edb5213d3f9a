"""Which points of a cloud a camera would see: a depth buffer on a perspective grid, in numpy."""

from __future__ import annotations

import math

import numpy as np


def visible(
    points: np.ndarray, viewpoint: np.ndarray, tolerance: float | np.ndarray, resolution: int | None = None
) -> np.ndarray:
    """Which of (N, 3) points a camera at `viewpoint` sees, by a depth buffer over a perspective grid.

    Args:
        points: (N, 3), all in front of the viewpoint when it looks at their mean.
        viewpoint: (3,).
        tolerance: a point is seen if it lies at most this far behind the nearest point of its cell; one or (N,).
        resolution: cells a side; None picks 12 to 56, growing with the root of N.

    Returns:
        (N,) bool.
    """
    if resolution is None:
        resolution = int(min(56, max(12, 0.4 * math.sqrt(len(points)))))
    rays = np.ascontiguousarray((points - viewpoint).T)  # rows, as numpy is slow at reducing over an axis of 3
    depth = np.sqrt((rays * rays).sum(axis=0))
    x, y, z = _camera_axes(rays.mean(axis=1)) @ rays
    plane = np.stack([x, y]) / np.maximum(z, 1e-6)
    low, high = plane.min(axis=1, keepdims=True), plane.max(axis=1, keepdims=True)
    # One cell size for both directions, so that cells are square whatever the outline.
    extent = max(float((high - low).max()), 1e-12)
    cell = np.minimum((plane - low) / extent * resolution, resolution - 1).astype(np.int64)
    index = cell[0] * resolution + cell[1]
    nearest = np.full(resolution * resolution, np.inf)
    np.minimum.at(nearest, index, depth)
    shown = depth <= nearest[index] + tolerance
    # Many cells hold no point of the front surface by chance and would let the back through; squares of 3 x 3 hardly
    # ever do. Within such a square a slanted surface gets deeper: the slack allows for slopes up to about 63 degrees.
    slack = 4.0 * extent / resolution * float(depth.mean())
    return shown & (depth <= _minimum_3x3(nearest.reshape(resolution, resolution)).ravel()[index] + tolerance + slack)


def _minimum_3x3(grid: np.ndarray) -> np.ndarray:
    for _ in range(2):
        result = grid.copy()
        np.minimum(result[1:], grid[:-1], out=result[1:])
        np.minimum(result[:-1], grid[1:], out=result[:-1])
        grid = result.T
    return grid


def _camera_axes(forward: np.ndarray) -> np.ndarray:
    """Rows right, up and forward of a camera that looks along (3,) `forward`."""
    forward = forward / math.sqrt(float(forward @ forward))
    x, y, z = forward.tolist()
    flat = math.hypot(x, y)
    right = (-y / flat, x / flat, 0.0) if flat > 1e-6 else (1.0, 0.0, 0.0)
    up = (y * right[2] - z * right[1], z * right[0] - x * right[2], x * right[1] - y * right[0])
    return np.array([right, up, (x, y, z)])
