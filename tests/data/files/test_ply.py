"""PLY: byte orders, properties, meshes, and headers that declare more than there is."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError


@pytest.mark.parametrize("order", ["<", ">"])
def test_vertex_properties(tmp_path: Path, order: str) -> None:
    cloud = read_point_cloud(samples.write(tmp_path, "a.ply", samples.ply_points(order)))
    assert list(cloud.attributes) == ["normals", "colors", "labels", "quality"]
    np.testing.assert_array_equal(cloud.attributes["normals"], samples.NORMALS)
    np.testing.assert_array_equal(cloud.attributes["colors"], samples.COLORS)
    np.testing.assert_array_equal(cloud.attributes["labels"], samples.LABELS)
    np.testing.assert_array_equal(cloud.attributes["quality"], np.arange(5) / 4)
    assert [values.dtype.str for values in cloud.attributes.values()] == ["<f4", "|u1", "<i8", "<f8"]


@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
@pytest.mark.parametrize("count", [10**12, 2**31, 6, -1])
def test_vertex_counts_that_lie_cost_nothing(tmp_path: Path, form: str, count: int) -> None:
    header = samples.ply_header(form, f"element vertex {count}", *(f"property float {axis}" for axis in "xyz"))
    path = samples.write(tmp_path, "a.ply", header + b"1 2 3\n" * (5 if form == "ascii" else 10))
    tracemalloc.start()
    with pytest.raises(DataError, match="declares"):
        read_point_cloud(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("kind", ["uint", "int", "char", "double"])
def test_list_lengths_that_lie(tmp_path: Path, kind: str) -> None:
    code, length = {"uint": ("I", 2**32 - 1), "int": ("i", -1), "char": ("b", -3), "double": ("d", 1e18)}[kind]
    vertex = ["element vertex 7", *(f"property float {axis}" for axis in "xyz")]
    header = samples.ply_header(
        "binary_little_endian", *vertex, "element face 1", f"property list {kind} int vertex_indices"
    )
    body = samples.VERTICES.tobytes() + struct.pack(f"<{code}3i", length, 0, 1, 2)
    path = samples.write(tmp_path, "a.ply", header + body)
    tracemalloc.start()
    with pytest.raises(
        DataError, match="a list of 'face' reaches beyond|'property list double int vertex_indices' makes no sense"
    ):
        read_point_cloud(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "declaration", ["element ghost 1000000000000", "element ghost 0\nelement other 5", "property float late"]
)
def test_declarations_that_make_no_sense(tmp_path: Path, declaration: str) -> None:
    raw = samples.ply_points("<").replace(b"element vertex", f"{declaration}\nelement vertex".encode())
    with pytest.raises(DataError):
        read_point_cloud(samples.write(tmp_path, "a.ply", raw))


def test_bytes_after_the_data(tmp_path: Path) -> None:
    for content in (samples.ply_points("<"), samples.ply_mesh(), samples.ply_mesh("<", [[0, 1, 2, 3], [4, 5, 6]])):
        path = samples.write(tmp_path, "a.ply", content + b"\n")
        read_point_cloud(path)
        path.write_bytes(content + b"more")
        with pytest.raises(DataError, match="4 bytes follow"):
            read_point_cloud(path)
    text = samples.ply_points_text() + b"1 2 3\n"
    with pytest.raises(DataError, match="declares 5 rows of data, 6 lines follow"):
        read_point_cloud(samples.write(tmp_path, "a.ply", text))


@pytest.mark.parametrize("faces", [[[0, 1, 7]], [[0, 1, -1]], [[0, 1]], [[0, 0, 0]], [[0, 1, 2], [3, 4]]])
def test_bad_faces(tmp_path: Path, faces: list[list[int]]) -> None:
    with pytest.raises(DataError, match=r"refers to vertex|only|area"):
        read_point_cloud(samples.write(tmp_path, "a.ply", samples.ply_mesh("<", faces)))


def test_empty_face_element_is_a_cloud(tmp_path: Path) -> None:
    cloud = read_point_cloud(samples.write(tmp_path, "a.ply", samples.ply_mesh("<", [])))
    np.testing.assert_array_equal(cloud.points, samples.VERTICES)


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_line_ends_of_other_systems(tmp_path: Path, end: bytes) -> None:
    raw = samples.ply_points_text().replace(b"\n", end)
    np.testing.assert_array_equal(read_point_cloud(samples.write(tmp_path, "a.ply", raw)).points, samples.POINTS)


def test_other_elements_are_passed_over(tmp_path: Path) -> None:
    edge = b"element edge 0\nproperty int vertex1\nend_header"
    for content in (samples.ply_points("<"), samples.ply_mesh(), samples.ply_points_text()):
        plain = read_point_cloud(samples.write(tmp_path, "a.ply", content), 60)
        path = samples.write(tmp_path, "b.ply", content.replace(b"end_header", edge))
        np.testing.assert_array_equal(read_point_cloud(path, 60).points, plain.points)


def test_no_vertices_and_no_coordinates(tmp_path: Path) -> None:
    raw = samples.ply_header("ascii", "element vertex 0", *(f"property float {axis}" for axis in "xyz"))
    with pytest.raises(DataError, match="no points"):
        read_point_cloud(samples.write(tmp_path, "a.ply", raw))
    raw = samples.ply_points_text().replace(b"float y", b"float t")
    with pytest.raises(DataError, match="no element 'vertex' with properties x, y, z"):
        read_point_cloud(samples.write(tmp_path, "a.ply", raw))
