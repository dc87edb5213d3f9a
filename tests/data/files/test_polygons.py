"""Polygons that aren't convex: areas by the shoelace formula, samples inside, in any plane and file."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.data.files.mesh_sampling import triangle_areas
from pointlora.data.files.meshes import triangulate
from pointlora.errors import DataError

ARROW = [[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]]
COMB = [[0, 0], [7, 0], [7, 5], [6, 5], [6, 1], [5, 1], [5, 5], [4, 5], [4, 1], [3, 1], [3, 5], [2, 5], [2, 1], [0, 1]]
SHAPES = {
    "arrow": ARROW,
    "dart": [[0, 0], [2, 1], [4, 0], [2, 4]],
    "dart from the notch": [[2, 1], [4, 0], [2, 4], [0, 0]],
    "L": [[0, 0], [3, 0], [3, 1], [1, 1], [1, 3], [0, 3]],
    "comb": COMB,
    "star": [[np.cos(k * np.pi / 7) * (2 - k % 2), np.sin(k * np.pi / 7) * (2 - k % 2)] for k in range(14)],
}


def area(shape: np.ndarray) -> float:
    x, y = shape.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def inside(shape: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Whether points are inside, by counting the edges that a ray crosses."""
    x, y = points.T
    hits = np.zeros(len(points), int)
    for (ax, ay), (bx, by) in zip(shape, np.roll(shape, -1, axis=0), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            hits += ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return hits % 2 == 1


def placed(shape: np.ndarray, seed: int) -> np.ndarray:
    """A plane shape somewhere in space."""
    random = np.random.default_rng([seed])
    basis = np.linalg.qr(random.normal(size=(3, 3)))[0]
    return shape @ basis[:2] + random.normal(size=3) * 100


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("first", [0, 1, 3])
def test_areas_in_any_plane_and_order(name: str, turned: bool, first: int) -> None:
    shape = np.roll(np.array(SHAPES[name], float), first, axis=0)
    vertices = placed(shape[::-1] if turned else shape, 5)
    triangles = triangulate(Path("a.obj"), vertices, np.array([len(shape)]), np.arange(len(shape)))
    assert len(triangles) == len(shape) - 2
    assert triangle_areas(vertices, triangles).sum() == pytest.approx(area(shape))


def test_convex_and_concave_faces_keep_their_order() -> None:
    vertices = np.pad(np.array([*ARROW, *SHAPES["dart"], [9, 9], [10, 9], [9, 10]], float), ((0, 0), (0, 1)))
    flat = np.array([9, 10, 11, *range(5), 9, 10, 11, *range(5, 9)])
    triangles = triangulate(Path("a.obj"), vertices, np.array([3, 5, 3, 4]), flat)
    assert triangles[0].tolist() == triangles[4].tolist() == [9, 10, 11]
    assert set(triangles[1:4].ravel()) == set(range(5))
    assert set(triangles[5:].ravel()) == set(range(5, 9))
    assert triangle_areas(vertices, triangles).sum() == pytest.approx(10 + area(np.array(SHAPES["dart"], float)) + 1)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("kind", ["obj", "off", "ply"])
def test_samples_of_files_lie_inside(tmp_path: Path, name: str, kind: str) -> None:
    shape = np.array(SHAPES[name], np.float32)
    vertices = np.pad(shape, ((0, 0), (0, 1)))
    face = list(range(len(shape)))
    if kind == "obj":
        lines = "".join(f"v {x:.9g} {y:.9g} 0\n" for x, y in shape)
        content = f"{lines}f {' '.join(str(corner + 1) for corner in face)}\n".encode()
    elif kind == "off":
        corners = "\n".join(map(str, face))
        content = f"OFF\n{len(face)} 1 0\n{samples.rows(vertices)}{len(face)} {corners}\n".encode()
    else:
        declarations = [f"element vertex {len(face)}", *(f"property float {axis}" for axis in "xyz")]
        declarations += ["element face 1", "property list uchar ushort vertex_index"]
        header = samples.ply_header("binary_big_endian", *declarations)
        content = header + vertices.astype(">f4").tobytes() + bytes([len(face)]) + np.array(face, ">u2").tobytes()
    points = read_point_cloud(samples.write(tmp_path, f"a.{kind}", content), 4000).points
    assert inside(shape * 1.0001 - shape.mean(axis=0) * 0.0001, points[:, :2]).mean() > 0.999
    assert (points[:, 2] == 0).all()


def test_a_polygon_that_crosses_itself_is_no_crash() -> None:
    vertices = np.array([[0, 0, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0], [np.nan] * 3, [2, 2, 2]])
    for face in ([0, 1, 2, 3], [0, 1, 2, 3, 0], [0, 0, 0, 0], [0, 1, 4, 2, 3], [5, 0, 5, 0, 5, 1]):
        triangles = triangulate(Path("a.obj"), vertices, np.array([len(face)]), np.array(face))
        assert triangles.shape[1] == 3


def test_what_would_take_minutes_is_refused() -> None:
    shape = np.pad(np.random.default_rng([0]).random((30_000, 2)), ((0, 0), (0, 1)))
    with pytest.raises(DataError, match="has concave faces of up to 30000 corners; export it with triangles"):
        triangulate(Path("a.obj"), shape, np.array([30_000]), np.arange(30_000))


def test_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mapbox_earcut", None)

    def split(name: str) -> int:
        shape = np.pad(np.array(SHAPES[name], float), ((0, 0), (0, 1)))
        return len(triangulate(Path("a.obj"), shape, np.array([len(shape)]), np.arange(len(shape))))

    # A quadrangle needs no library, and the fan of this L is right as it is.
    assert (split("dart"), split("dart from the notch"), split("L")) == (2, 2, 4)
    for name in ("arrow", "comb"):
        with pytest.raises(
            DataError, match=r"needs the library mapbox_earcut; in a clone of the repository, pip install '.\[io\]'"
        ):
            split(name)
