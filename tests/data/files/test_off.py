"""OFF: headers as found in the wild, counts and faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError

BODY = "0 0 0\n1 0 0\n0 1 0\n"


@pytest.mark.parametrize(
    "text",
    [
        f"OFF\n3 1 0\n{BODY}3 0 1 2\n",
        f"OFF3 1 0\n{BODY}3 0 1 2\n",
        f"OFF 3 1\n{BODY}3 0 1 2",
        f"# c\n\nOFF\n# d\n3 1 0\n\n{BODY}# e\n3 0 1 2\n",
        "COFF\n3 1 0\n0 0 0 255 0 0 255\n1 0 0 0 0 0 255\n0 1 0 9 9 9 255\n3 0 1 2\n",
        f"OFF\r\n3 1 0\r\n{BODY}3 0 1 2 0.5 0.5 0.5\r\n",
    ],
)
def test_headers(tmp_path: Path, text: str) -> None:
    points = read_point_cloud(samples.write(tmp_path, "a.off", text.encode()), 50).points
    assert len(points) == 50
    assert (points[:, 2] == 0).all()
    assert (points[:, :2].sum(axis=1) <= 1 + 1e-6).all()


def test_without_faces(tmp_path: Path) -> None:
    cloud = read_point_cloud(samples.write(tmp_path, "a.off", f"OFF\n3 0 0\n{BODY}".encode()))
    np.testing.assert_array_equal(cloud.points, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"PLY\n3 1 0\n{BODY}3 0 1 2\n", "does not start with OFF"),
        (f"OFF\n3 x 0\n{BODY}3 0 1 2\n", "no line with the numbers"),
        (f"OFF\n3 1000000000000 0\n{BODY}3 0 1 2\n", "declares 1000000000003 lines"),
        (f"OFF\n3 2 0\n{BODY}3 0 1 2\n", "2 faces, 4 lines follow"),
        (f"OFF\n3 1 0\n{BODY}3 0 1 2\n3 0 1 2\n", "1 faces, 5 lines follow"),
        (f"OFF\n3 1 0\n{BODY}3 0 1 3\n", "refers to vertex 3"),
        (f"OFF\n3 1 0\n{BODY}3 0 1 -2\n", "refers to vertex -2"),
        (f"OFF\n3 1 0\n{BODY}3 0 1\n", "line 6 declares a face of 3 vertices"),
        (f"OFF\n3 1 0\n{BODY}2 0 1\n", "line 6 declares a face of 2 vertices"),
        (f"OFF\n3 1 0\n{BODY}3 0 1 x\n", "line 6 is not a face"),
        ("OFF\n3 1 0\n0 0 0\n1 0\n0 1 0\n3 0 1 2\n", "line 4 has 2 columns"),
        ("OFF\n0 0 0\n", "no points"),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n2 0 0\n3 0 1 2\n", "no triangle of the mesh has an area"),
    ],
)
def test_errors(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_point_cloud(samples.write(tmp_path, "a.off", text.encode()))


@pytest.mark.parametrize(
    "faces",
    ["3\n0 1\n2\n", "3 0\n1 2\n", "3 0 1 2 255 0 0\n", "\n# c\n3 0 1\n# d\n2\n", "3 0 1 2\r\n", " 3\t0\t1\t2 "],
)
def test_faces_over_several_lines(tmp_path: Path, faces: str) -> None:
    plain = read_point_cloud(samples.write(tmp_path, "a.off", f"OFF\n3 1 0\n{BODY}3 0 1 2\n".encode()), 40).points
    found = read_point_cloud(samples.write(tmp_path, "b.off", f"OFF\n3 1 0\n{BODY}{faces}".encode()), 40).points
    np.testing.assert_array_equal(found, plain)


def test_faces_of_different_lengths_and_colors(tmp_path: Path) -> None:
    faces = "3 0 1 2\n4 0 1 2 3 1 0 0\n3 2\n1 3\n3 0 1 2\n"
    text = f"off\n4 4 0\n{BODY}1 1 0\n{faces}".replace("4 0 1 2 3", "4 0 1 3 2")
    assert len(read_point_cloud(samples.write(tmp_path, "a.off", text.encode()), 40)) == 40


@pytest.mark.parametrize("mark", ["OFF", "off", "COFF", "NOFF", "CNOFF", "STOFF"])
def test_points_alone_are_points(tmp_path: Path, mark: str) -> None:
    lines = "".join(f"{x:g} {y:g} {z:g} 1 0 0 1\n" for x, y, z in samples.POINTS)
    cloud = read_point_cloud(samples.write(tmp_path, "a.off", f"{mark}\n5 0 0\n{lines}".encode()))
    np.testing.assert_array_equal(cloud.points, samples.POINTS)
    assert not cloud.sampled
