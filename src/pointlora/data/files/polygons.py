"""Polygons that aren't convex: split into triangles in the plane they lie in, by mapbox_earcut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.limits import data_error, optional_module

# Beyond this share of the polygon's area a fan that turns back is more than rounding.
_TOLERANCE = 1e-9
# Polygons that cross themselves take time in proportion to the square of their corners: a second for 10^8.
_MAX_WORK = 400_000_000


def split_concave(
    path: Path, vertices: np.ndarray, lengths: NDArray[np.int64], flat: NDArray[np.int64], fans: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Replace the fans of polygons that aren't convex by their triangles.

    A polygon is not convex if a triangle of its fan has another orientation than the polygon, whose normal is the sum
    of those of its fan (twice its area, Newell). The fan's triangles cover a simple polygon exactly if all of them
    are oriented like it.

    Args:
        path: the file, for the message if mapbox_earcut is missing.
        vertices: (V, 3).
        lengths: (F,) number of corners of each polygon, >= 3.
        flat: their indices, one polygon after another.
        fans: (T, 3) their fans, of lengths - 2 triangles each.

    Returns:
        (T', 3) indices in the order of the polygons; T' is less than T only where a polygon crosses itself or has no
        area.

    Raises:
        DataError: a polygon is concave and mapbox_earcut isn't installed, or they would take too long.
    """
    corners: NDArray[np.float64] = vertices.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        first = corners[fans[:, 0]]
        crosses = np.cross(corners[fans[:, 1]] - first, corners[fans[:, 2]] - first)
    face = np.repeat(np.arange(len(lengths)), lengths - 2)
    normals: NDArray[np.float64] = np.stack(
        [np.bincount(face, crosses[:, axis], len(lengths)) for axis in range(3)], axis=1
    )
    with np.errstate(invalid="ignore", over="ignore"):
        along = np.einsum("ij,ij->i", crosses, normals[face])
        squares = np.einsum("ij,ij->i", normals, normals)
        back = along < -_TOLERANCE * squares[face]
    concave = np.unique(face[back])
    concave, fans = _turn_quads(corners, normals, lengths, fans, concave)
    if not len(concave):
        return fans
    if int((lengths[concave] ** 2).sum()) > _MAX_WORK:
        problem = f"has concave faces of up to {int(lengths[concave].max())} corners"
        raise data_error(path, problem, "export it with triangles")
    earcut = optional_module(path, "mapbox_earcut")
    ends = np.cumsum(lengths)
    fan_ends = np.cumsum(lengths - 2)
    pieces, done = [], 0
    for number in concave.tolist():
        polygon = flat[ends[number] - lengths[number] : ends[number]]
        start = int(fan_ends[number] - lengths[number] + 2)
        flattened = _in_plane(corners[polygon], normals[number])
        triangles = earcut.triangulate_float64(flattened, np.array([len(polygon)], np.uint32))
        pieces += [fans[done:start], polygon[triangles.astype(np.int64)].reshape(-1, 3)]
        done = int(fan_ends[number])
    return np.concatenate([*pieces, fans[done:]])


def _turn_quads(
    corners: NDArray[np.float64],
    normals: NDArray[np.float64],
    lengths: NDArray[np.int64],
    fans: NDArray[np.int64],
    concave: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cut quadrangles along their other diagonal where that lies inside; returns the other concave polygons, and fans.

    Of the two diagonals of a simple quadrangle one always does. Where neither does, it crosses itself, and its fan is
    as good as anything.
    """
    quads = concave[lengths[concave] == 4]
    first = (np.cumsum(lengths - 2) - (lengths - 2))[quads]
    a, b, c = fans[first].T
    d = fans[first + 1, 2]
    turned = np.stack([np.stack([b, c, d], axis=1), np.stack([b, d, a], axis=1)], axis=1)
    crosses = np.cross(
        corners[turned[..., 1]] - corners[turned[..., 0]], corners[turned[..., 2]] - corners[turned[..., 0]]
    )
    inside = (np.einsum("qti,qi->qt", crosses, normals[quads]) >= 0).all(axis=1)
    fans = fans.copy()
    fans[first[inside]], fans[first[inside] + 1] = turned[inside, 0], turned[inside, 1]
    return concave[lengths[concave] != 4], fans


def _in_plane(corners: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (n, 3) in coordinates (n, 2) of the plane across `normal`."""
    normal = normal / np.linalg.norm(normal)
    helper = np.eye(3)[int(np.abs(normal).argmin())]
    right = np.cross(normal, helper)
    right /= np.linalg.norm(right)
    up = np.cross(normal, right)
    centered = corners - corners[0]
    return np.ascontiguousarray(np.stack([centered @ right, centered @ up], axis=1))
