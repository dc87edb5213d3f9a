"""From the faces of a mesh file to a point cloud: checks, triangulation and sampling, shared by all mesh formats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.content import Content
from pointlora.data.files.coordinates import all_finite, check_coordinates
from pointlora.data.files.limits import damaged, data_error
from pointlora.data.files.mesh_sampling import sample_mesh
from pointlora.data.files.point_cloud import PointCloud, build_cloud
from pointlora.data.files.polygons import split_concave

DEFAULT_NUM_SAMPLES = 8192


def cloud_from_mesh(
    path: Path, vertices: np.ndarray, triangles: NDArray[np.int64], num_samples: int | None, seed: int
) -> PointCloud:
    """Sample a mesh by area.

    Args:
        path: the file.
        vertices: (V, 3) coordinates; those that no triangle refers to may be anything.
        triangles: (F, 3) indices, F >= 1.
        num_samples: number of points on a mesh, 8192 if None.
        seed: of the sampling.

    Raises:
        DataError: NaN or infinite vertices, indices outside the vertices, no area.
    """
    if not all_finite(vertices):
        used = np.unique(triangles)
        check_coordinates(path, vertices[used], used)
        vertices, given = np.zeros_like(vertices), vertices
        vertices[used] = given[used]
    try:
        points = sample_mesh(vertices, triangles, num_samples or DEFAULT_NUM_SAMPLES, seed)
    except ValueError as error:
        raise data_error(path, str(error), "export the mesh with proper faces, or as points") from error
    return replace(build_cloud(path, points), sampled=True, content=Content(lambda: vertices, triangles=triangles))


def triangulate(path: Path, vertices: np.ndarray, lengths: NDArray[np.int64], flat: np.ndarray) -> NDArray[np.int64]:
    """Split polygons into triangles: convex ones into fans (a, b, c), (a, c, d), ..., concave ones rightly.

    Args:
        path: the file.
        vertices: (V, 3) coordinates.
        lengths: (F,) number of corners of each polygon.
        flat: indices of all corners, polygon after polygon.

    Returns:
        (T, 3) int64, in the order of the faces.

    Raises:
        DataError: a face with fewer than three vertices, indices that are no integers or outside the vertices.
    """
    if flat.dtype.kind not in "iu":
        raise damaged(path, f"the vertex indices of the faces have dtype {flat.dtype}")
    if len(lengths) and lengths.min() < 3:
        raise damaged(path, f"face {int(lengths.argmin())} has only {int(lengths.min())} vertices")
    if len(flat) and not (flat.min() >= 0 and flat.max() < len(vertices)):
        wrong = int(flat[(flat < 0) | (flat >= len(vertices))][0])
        raise damaged(path, f"a face refers to vertex {wrong}, the file has vertices 0..{len(vertices) - 1}")
    flat = flat.astype(np.int64)
    triangles = _fans(lengths, flat)
    return (
        triangles if not len(lengths) or lengths.max() == 3 else split_concave(path, vertices, lengths, flat, triangles)
    )


def _fans(lengths: NDArray[np.int64], flat: NDArray[np.int64]) -> NDArray[np.int64]:
    if not len(lengths) or (lengths == 3).all():
        return flat.reshape(-1, 3)
    starts = np.cumsum(lengths) - lengths
    numbers = lengths - 2
    first = np.repeat(starts, numbers)
    step = np.arange(len(first)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    return np.stack([flat[first], flat[first + step + 1], flat[first + step + 2]], axis=1)
