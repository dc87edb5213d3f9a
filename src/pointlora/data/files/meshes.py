"""From the faces of a mesh file to a point cloud: checks, triangulation and sampling, shared by all mesh formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from pointlora.data.files.limits import damaged, data_error
from pointlora.data.files.mesh_sampling import sample_mesh
from pointlora.data.files.point_cloud import PointCloud, build_cloud, check_coordinates

DEFAULT_NUM_SAMPLES = 8192


def cloud_from_mesh(
    path: Path, vertices: np.ndarray, triangles: np.ndarray, num_samples: int | None, seed: int
) -> PointCloud:
    """Sample a mesh by area, or take its vertices where it has no faces.

    Args:
        path: the file.
        vertices: (V, 3) coordinates.
        triangles: (F, 3) indices, F may be 0.
        num_samples: number of points on a mesh, 8192 if None.
        seed: of the sampling.

    Raises:
        DataError: NaN vertices, indices outside the vertices, no area.
    """
    if len(triangles) == 0:
        return build_cloud(path, vertices)
    vertices = check_coordinates(path, vertices)
    outside = (triangles < 0) | (triangles >= len(vertices))
    if outside.any():
        wrong = int(triangles[outside][0])
        raise damaged(path, f"a face refers to vertex {wrong}, the file has vertices 0..{len(vertices) - 1}")
    try:
        points = sample_mesh(vertices, triangles, num_samples or DEFAULT_NUM_SAMPLES, seed)
    except ValueError as error:
        raise data_error(path, str(error), "export the mesh with proper faces, or as points") from error
    return replace(build_cloud(path, points), sampled=True)


def fan_triangles(path: Path, faces: Sequence[Sequence[int]] | np.ndarray) -> np.ndarray:
    """Split polygons (a, b, c, d, ...) into triangles (a, b, c), (a, c, d), ...

    Args:
        path: the file.
        faces: lists of indices, an array (F, k) of them, or an array of F arrays.

    Returns:
        (F, 3) int64, in the order of the faces.

    Raises:
        DataError: a face with fewer than three vertices, or indices that are no integers.
    """
    if len(faces) == 0:
        return np.zeros((0, 3), dtype=np.int64)
    if isinstance(faces, np.ndarray) and faces.ndim == 2:
        lengths = np.full(len(faces), faces.shape[1])
    else:
        lengths = np.fromiter((len(face) for face in faces), dtype=np.int64, count=len(faces))
    if lengths.min() < 3:
        raise damaged(path, f"face {int(lengths.argmin())} has only {int(lengths.min())} vertices")
    if isinstance(faces, np.ndarray):
        flat = faces.ravel() if faces.ndim == 2 else np.concatenate(faces)
    else:
        flat = np.array(list(chain.from_iterable(faces)))
    if flat.dtype.kind not in "iu":
        raise damaged(path, f"the vertex indices of the faces have dtype {flat.dtype}")
    starts = np.cumsum(lengths) - lengths
    numbers = lengths - 2
    face = np.repeat(np.arange(len(faces)), numbers)
    step = np.arange(len(face)) - np.repeat(np.cumsum(numbers) - numbers, numbers)
    first = starts[face]
    return np.stack([flat[first], flat[first + step + 1], flat[first + step + 2]], axis=1).astype(np.int64)
