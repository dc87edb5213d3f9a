"""Paths in space, and what is swept along them: tubes and bars of any section, ribbons, sets of rods."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.freeform.solids import skinned
from pointlora.procedural.meshes import cells
from pointlora.procedural.primitives import perpendicular


def spline(points: np.ndarray, samples: int, closed: bool = False) -> np.ndarray:
    """A Catmull-Rom curve (samples, D) through points (K, D)."""
    count = len(points)
    if closed:
        at = np.linspace(0.0, count, samples, endpoint=False)
        rows = np.floor(at).astype(np.int64)[:, None] + np.arange(-1, 3)
        near = points[rows % count]
    else:
        at = np.linspace(0.0, count - 1.0, samples)
        ends = np.concatenate([2.0 * points[:1] - points[1:2], points, 2.0 * points[-1:] - points[-2:-1]])
        near = ends[np.minimum(np.floor(at).astype(np.int64), count - 2)[:, None] + np.arange(4)]
        at = at - np.minimum(np.floor(at), count - 2)
    t = (at - np.floor(at) if closed else at)[:, None]
    a, b, c, d = near[:, 0], near[:, 1], near[:, 2], near[:, 3]
    return b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))


def frames(path: np.ndarray, closed: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors (K, 3) across a path (K, 3) that turn about it as little as possible.

    The tangent of a vertex is the direction between its neighbours; a vector is carried from vertex to vertex by taking
    out its part along the next tangent. On a closed path the angle left over is shared out.
    """
    if closed:
        steps = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    else:
        steps = np.concatenate([path[1:2] - path[:1], path[2:] - path[:-2], path[-1:] - path[-2:-1]])
    tangents = steps / np.maximum(np.sqrt((steps**2).sum(axis=1, keepdims=True)), 1e-12)
    x, y, z = perpendicular(tangents[:1])[0][0].tolist()
    carried = []
    rows = tangents.tolist()
    for a, b, c in [*rows, rows[0]] if closed else rows:
        along = a * x + b * y + c * z
        x, y, z = x - along * a, y - along * b, z - along * c
        scale = 1.0 / max(math.sqrt(x * x + y * y + z * z), 1e-12)
        x, y, z = x * scale, y * scale, z * scale
        carried.append((x, y, z))
    first = np.array(carried[: len(path)])
    second = np.cross(tangents, first)
    if closed:
        end = np.array(carried[-1])
        angle = math.atan2(float(end @ second[0]), float(end @ first[0]))
        turn = -angle * (np.arange(len(path)) / len(path))[:, None]
        first, second = np.cos(turn) * first + np.sin(turn) * second, np.cos(turn) * second - np.sin(turn) * first
    return first, second


def swept(
    path: np.ndarray,
    outline: np.ndarray,
    size: float | np.ndarray,
    twist: float = 0.0,
    closed: bool = False,
    axes: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Triangles of an outline (M, 2) carried along a path (K, 3), scaled by a size, one or (K,).

    `twist` is the angle by which it turns in all; `axes` are the two vectors (K, 3) across the path, if they are known.
    """
    first, second = frames(path, closed) if axes is None else axes
    angle = (twist * np.linspace(0.0, 1.0, len(path)))[:, None]
    c, s = np.cos(angle), np.sin(angle)
    scale = np.broadcast_to(np.asarray(size, dtype=np.float64), (len(path),))[:, None]
    u, v = scale * (c * outline[:, 0] - s * outline[:, 1]), scale * (s * outline[:, 0] + c * outline[:, 1])
    sections = path[:, None] + u[..., None] * first[:, None] + v[..., None] * second[:, None]
    return skinned(sections, closed)


def ribbon(path: np.ndarray, thickness: float, depth: float) -> np.ndarray:
    """Triangles of a strip along a path (K, 2) in the xz plane, `thickness` across it and `depth` along y."""
    steps = np.diff(path, axis=0)
    steps = steps / np.maximum(np.sqrt((steps**2).sum(axis=1, keepdims=True)), 1e-12)
    normals = np.stack([-steps[:, 1], steps[:, 0]], axis=1)
    before, after = np.concatenate([normals[:1], normals]), np.concatenate([normals, normals[-1:]])
    total = before + after
    # Mitred corners; at sharp ones the tip is held back.
    mitre = total / np.maximum((total**2).sum(axis=1, keepdims=True) / 2.0, 0.5)
    left, right = path + mitre * thickness / 2.0, path - mitre * thickness / 2.0
    loop = np.concatenate([left, right[::-1], left[:1]])
    sheet = np.empty((2, len(loop), 3))
    sheet[:, :, 0], sheet[:, :, 2] = loop[:, 0], loop[:, 1]
    sheet[:, :, 1] = [[-depth / 2.0], [depth / 2.0]]
    count = len(path)
    ends = [cells(np.stack([face[:count], face[count : 2 * count][::-1]])) for face in sheet]
    return np.concatenate([cells(sheet), *ends])


def rods(starts: np.ndarray, ends: np.ndarray, radius: float | np.ndarray, sides: int = 8) -> np.ndarray:
    """Triangles of straight open rods between (R, 3) points, of a radius, one or (R,)."""
    steps = ends - starts
    directions = steps / np.maximum(np.sqrt((steps**2).sum(axis=1, keepdims=True)), 1e-12)
    first, second = perpendicular(directions)
    angles = np.linspace(0.0, 2.0 * math.pi, sides + 1)
    scale = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(starts),))[:, None, None]
    around = scale * (np.cos(angles)[:, None] * first[:, None] + np.sin(angles)[:, None] * second[:, None])
    low, high = starts[:, None] + around, ends[:, None] + around
    a, b, c, d = low[:, :-1], high[:, :-1], high[:, 1:], low[:, 1:]
    return np.stack([a, b, c, a, c, d], axis=2).reshape(-1, 3, 3)


def copies(triangles: np.ndarray, centres: np.ndarray, size: float = 1.0) -> np.ndarray:
    """Triangles (T, 3, 3) scaled and put at each of (C, 3) centres."""
    return (size * triangles[None] + centres[:, None, None]).reshape(-1, 3, 3)
