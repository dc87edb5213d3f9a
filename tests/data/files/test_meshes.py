"""Polygons to triangles, and meshes to clouds; trimesh is the independent reader where it is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.data.files.mesh_sampling import sample_mesh
from pointlora.data.files.meshes import cloud_from_mesh, triangulate
from pointlora.errors import DataError

PATH = Path("mesh.obj")


def triangles_of(faces: list[list[int]], num_vertices: int = 10) -> list[list[int]]:
    # A regular polygon: every polygon of some of its corners in order is convex.
    angles = np.arange(num_vertices) / num_vertices * 2 * np.pi
    vertices = np.stack([np.cos(angles), np.sin(angles), np.zeros(num_vertices)], axis=1)
    return triangulate(PATH, vertices, np.array([len(face) for face in faces]), np.concatenate(faces)).tolist()


def test_convex_polygons_are_fans() -> None:
    triangles = triangles_of([[4, 5, 6], [0, 1, 2, 3, 7]])
    assert triangles == [[4, 5, 6], [0, 1, 2], [0, 2, 3], [0, 3, 7]]
    assert triangles_of([[3, 2, 1, 0]]) == [[3, 2, 1], [3, 1, 0]]


def test_faces_that_are_none() -> None:
    with pytest.raises(DataError, match="face 1 has only 2 vertices"):
        triangles_of([[0, 1, 2], [0, 1]])
    with pytest.raises(DataError, match="dtype float64"):
        triangulate(PATH, np.zeros((3, 3)), np.array([3]), np.array([0.0, 1.0, 2.0]))
    with pytest.raises(DataError, match="refers to vertex 10"):
        triangles_of([[0, 1, 10]])


def test_far_mesh_keeps_its_shape() -> None:
    vertices = samples.VERTICES.astype(np.float64) * 0.01 + np.array([3e5, 6e6, 0])
    cloud = cloud_from_mesh(PATH, vertices, samples.TRIANGLES, 300, 0)
    exact = sample_mesh(vertices, samples.TRIANGLES, 300, 0)
    assert cloud.offset[1] > 5e6
    np.testing.assert_allclose(cloud.points + cloud.offset, exact, atol=1e-8)


@pytest.mark.parametrize("name", ["mesh.off", "mesh.obj", "binary.stl", "text.stl", "mesh.ply"])
def test_agrees_with_trimesh(tmp_path: Path, name: str) -> None:
    trimesh = pytest.importorskip("trimesh")
    path = samples.write_sample(tmp_path, name)
    mesh = trimesh.load_mesh(path, process=False)
    assert mesh.area == pytest.approx(10.0)
    points = read_point_cloud(path, 400).points
    _, distances, _ = trimesh.proximity.closest_point_naive(mesh, points)
    assert distances.max() < 1e-6


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_vertices_that_no_face_refers_to_may_be_anything(value: float) -> None:
    plain = cloud_from_mesh(PATH, samples.VERTICES, samples.TRIANGLES, 200, 0)
    assert samples.TRIANGLES.max() == 6
    further = np.vstack([samples.VERTICES, [[value, 0, 0]]])
    assert (3 in samples.TRIANGLES, 7 in samples.TRIANGLES) == (True, False)
    np.testing.assert_array_equal(cloud_from_mesh(PATH, further, samples.TRIANGLES, 200, 0).points, plain.points)
    used = samples.VERTICES.astype(float)
    used[5, 1] = value
    with pytest.raises(DataError, match="points are NaN, infinite or above"):
        cloud_from_mesh(PATH, used, samples.TRIANGLES, 200, 0)
