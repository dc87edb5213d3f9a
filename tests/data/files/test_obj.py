"""OBJ: kinds of faces, relative indices, damaged lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError

VERTICES = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


@pytest.mark.parametrize(
    "face", ["1 2 3", "1/1 2/2 3/3", "1//1 2//1 3//1", "1/1/1 2/2/2 3/3/3", "-3 -2 -1", "1 \\\n2 3"]
)
def test_faces(tmp_path: Path, face: str) -> None:
    text = f"mtllib missing.mtl\n{VERTICES}vt 0 0\nvn 0 0 1\nusemtl red\ns off\nf {face}\n"
    points = read_point_cloud(samples.write(tmp_path, "a.obj", text.encode()), 50).points
    assert (points[:, 2] == 0).all()
    assert (points[:, :2].sum(axis=1) <= 1 + 1e-6).all()


def test_relative_indices_count_from_the_line_they_stand_on(tmp_path: Path) -> None:
    second = VERTICES.replace("0\n", "5\n")
    text = f"{VERTICES}f -3 -2 -1\n{second}f -3 -2 -1\n"
    points = read_point_cloud(samples.write(tmp_path, "a.obj", text.encode()), 2000).points
    assert 0.4 < (points[:, 2] == 0).mean() < 0.6
    assert ((points[:, 2] == 0) | (points[:, 2] == 5)).all()


def test_without_faces_and_with_colors(tmp_path: Path) -> None:
    text = "v 1 2 3 0.5 0.5 0.5\nv 4 5 6 1 1 1\nv 7 8 9\n"
    cloud = read_point_cloud(samples.write(tmp_path, "a.obj", text.encode()))
    np.testing.assert_array_equal(cloud.points, [[1, 2, 3], [4, 5, 6], [7, 8, 9]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{VERTICES}f 1 2 4\n", "refers to vertex 3"),
        (f"{VERTICES}f 1 2 -4\n", "refers to vertex -1"),
        (f"{VERTICES}f 0 1 2\n", "line 4 is not a face"),
        (f"{VERTICES}f 1 2\n", "line 4 is not a face"),
        (f"{VERTICES}f 1 2 x\n", "line 4 is not a face"),
        (f"{VERTICES}f 1/1/1/1 2 3\n", "line 4 is not a face"),
        (f"{VERTICES}f 1 2 {10**30}\n", "line 4 is not a face"),
        (f"{VERTICES}w 0 0 1\nf 1 2 3\n", "line 4 starts with 'w'"),
        ("v 0 0 0\nv 1 0\nv 0 1 0\nf 1 2 3\n", "line 2 has 2 columns"),
        ("v 0 0 0\nv 1 0 o\nv 0 1 0\nf 1 2 3\n", "line 2 has 'o'"),
        ("o thing\n", "no points"),
    ],
)
def test_errors(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_point_cloud(samples.write(tmp_path, "a.obj", text.encode()))


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    text = b"# Ger\xe4t\no M\xfcller\n" + VERTICES.encode() + b"g \xff\xfe\nusemtl H\xf6he\nf 1 2 3\n"
    assert len(read_point_cloud(samples.write(tmp_path, "a.obj", text), 30)) == 30
    with pytest.raises(DataError, match="line 1 is not text|is not text"):
        read_point_cloud(samples.write(tmp_path, "b.obj", b"v 1 2 \xff\n"))


def test_vertices_that_no_face_refers_to(tmp_path: Path) -> None:
    plain = read_point_cloud(samples.write(tmp_path, "a.obj", f"{VERTICES}f 1 2 3\n".encode()), 40).points
    text = f"v nan nan nan\n{VERTICES}v inf 0 0\nf 2 3 4\n"
    np.testing.assert_array_equal(read_point_cloud(samples.write(tmp_path, "b.obj", text.encode()), 40).points, plain)
    for name, face, index in (("c.obj", "f 1 2 3", 0), ("d.obj", "f 3 4 5", 4)):
        with pytest.raises(DataError, match=f"1 of 3 points are NaN, infinite .* index {index};"):
            read_point_cloud(samples.write(tmp_path, name, text.replace("f 2 3 4", face).encode()))
