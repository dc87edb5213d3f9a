"""Labels beside everything that a file had."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud, write_ply
from pointlora.data.files.ply import read_ply_vertices
from pointlora.data.files.ply_labelled import write_labelled_ply
from pointlora.data.files.ply_writer import write_columns
from pointlora.errors import DataError

_TYPES = {
    "float": "f4",
    "double": "f8",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "char": "i1",
}


def header_and_body(path: Path) -> tuple[list[str], bytes]:
    header, _, body = path.read_bytes().partition(b"end_header\n")
    return header.decode("ascii").splitlines(), body


def vertices_of(path: Path) -> np.ndarray:
    """Vertices of a binary PLY file whose first element they are, read from its bytes without anything of ours."""
    lines, body = header_and_body(path)
    order = ">" if lines[1] == "format binary_big_endian 1.0" else "<"
    first = next(place for place, line in enumerate(lines) if line.startswith("element vertex"))
    fields = []
    for line in lines[first + 1 :]:
        if not line.startswith("property"):
            break
        _, kind, name = line.split()
        fields.append((name, order + _TYPES[kind]))
    return np.frombuffer(body, fields, int(lines[first].split()[2]))


def comments_of(path: Path) -> list[str]:
    return [line.removeprefix("comment ") for line in header_and_body(path)[0] if line.startswith("comment ")]


def label(path: Path, target: Path, mesh: bool = False) -> np.ndarray:
    """Write labels and colours that tell points apart; returns the vertices as the file has them."""
    cloud = read_ply_vertices(path) if mesh else read_point_cloud(path)
    labels = np.arange(len(cloud)) % 7 - 1
    colors = (np.arange(3 * len(cloud)).reshape(-1, 3) % 251).astype(np.uint8)
    write_labelled_ply(target, cloud, labels, colors, {0: "top", 1: "Füße\n"})
    vertices = vertices_of(target)
    np.testing.assert_array_equal(vertices["label"], labels)
    np.testing.assert_array_equal(np.stack([vertices[name] for name in ("red", "green", "blue")], 1), colors)
    return vertices


def test_hundred_thousand_points_keep_everything(tmp_path: Path) -> None:
    random = np.random.default_rng([3])
    number = 100_000
    points = random.standard_normal((number, 3)).astype(np.float32)
    attributes = {
        "normals": random.standard_normal((number, 3)).astype(np.float32),
        "colors": random.integers(0, 256, (number, 3)).astype(np.uint8),
        "time": random.standard_normal(number),
        "labels": random.integers(0, 9, number),
        "ring": random.integers(0, 60000, number).astype(np.uint16),
    }
    path = write_ply(tmp_path / "in.ply", points, attributes=attributes)
    before = path.read_bytes()
    found = label(path, tmp_path / "out.ply")
    old = vertices_of(path)
    assert path.read_bytes() == before
    clashing = ("red", "green", "blue", "label")
    for name in old.dtype.names:
        kept = f"original_{name}" if name in clashing else name
        assert found[kept].dtype == old[name].dtype
        assert found[kept].tobytes() == old[name].tobytes()
    assert [name for name in found.dtype.names if name not in clashing] == [
        f"original_{name}" if name in clashing else name for name in old.dtype.names
    ]


def test_doubles_other_byte_orders_and_text_stay_what_they_are(tmp_path: Path) -> None:
    big = samples.write(tmp_path, "big.ply", samples.ply_points(">"))
    old, found = vertices_of(big), label(big, tmp_path / "big_out.ply")
    for name in ("x", "y", "z", "nx", "quality"):
        assert found[name].tobytes() == old[name].astype(old[name].dtype.newbyteorder("<")).tobytes()
    far = samples.POINTS.astype(np.float64) / 3 + 5e6
    doubles = write_ply(tmp_path / "doubles.ply", far, attributes={"normals": samples.NORMALS})
    found = label(doubles, tmp_path / "doubles_out.ply")
    assert np.stack([found[axis] for axis in "xyz"], 1).tobytes() == far.tobytes()
    text = samples.write(tmp_path, "text.ply", samples.ply_points_text())
    found = label(text, tmp_path / "text_out.ply")
    np.testing.assert_array_equal(np.stack([found[axis] for axis in "xyz"], 1), samples.POINTS)


def test_faces_and_comments_are_kept(tmp_path: Path) -> None:
    path = samples.write(tmp_path, "mesh.ply", samples.ply_mesh(">", [[0, 1, 2, 3], [4, 5, 6]]))
    target = tmp_path / "out.ply"
    label(path, target, mesh=True)
    faces = struct.pack("<B4iB3i", 4, 0, 1, 2, 3, 3, 4, 5, 6)
    assert header_and_body(target)[1].endswith(vertices_of(target).tobytes() + faces)
    assert comments_of(target) == ["made by hand", "pointlora label 0 top", "pointlora label 1 F??e?"]
    assert read_point_cloud(target).sampled


def test_labelling_twice_loses_nothing(tmp_path: Path) -> None:
    path = samples.write(tmp_path, "a.ply", samples.ply_points("<"))
    label(path, tmp_path / "b.ply")
    found = label(tmp_path / "b.ply", tmp_path / "c.ply")
    np.testing.assert_array_equal(found["original_red"], samples.COLORS[:, 0])
    np.testing.assert_array_equal(found["original_original_red"], [0, 3, 6, 9, 12])
    assert len(comments_of(tmp_path / "c.ply")) == 3


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("binary.pcd", ["original_red", "original_green", "original_blue", "original_label", "pair_0", "pair_1"]),
        ("modelnet.txt", ["nx", "ny", "nz"]),
        ("points.npz", ["original_label", "nx", "ny", "nz"]),
        ("mesh.obj", []),
    ],
)
def test_other_formats(tmp_path: Path, name: str, names: list[str]) -> None:
    path = samples.write_sample(tmp_path, name)
    found = label(path, tmp_path / "out.ply")
    assert list(found.dtype.names) == ["x", "y", "z", *names, "red", "green", "blue", "label"]
    points = read_point_cloud(path).points
    np.testing.assert_array_equal(np.stack([found[axis] for axis in "xyz"], 1), points)
    if "original_label" in names:
        np.testing.assert_array_equal(found["original_label"], samples.LABELS)


def test_columns_without_a_meaning_and_what_ply_cannot_hold(tmp_path: Path) -> None:
    table = np.column_stack([samples.POINTS, [0.5, 1.5, 2.5, 3.5, 4.5]])
    np.save(tmp_path / "a.npy", table)
    found = label(tmp_path / "a.npy", tmp_path / "a.ply")
    np.testing.assert_array_equal(found["column_4"], table[:, 3])
    arrays = {"big id": np.arange(5) + 2**40, "cube": np.zeros((5, 2, 2)), "half": np.ones(5, np.float16)}
    np.savez(tmp_path / "b.npz", points=samples.POINTS, **arrays)
    found = label(tmp_path / "b.npz", tmp_path / "b.ply")
    assert list(found.dtype.names) == ["x", "y", "z", "big_id", "half", "red", "green", "blue", "label"]
    np.testing.assert_array_equal(found["big_id"], np.arange(5) + 2.0**40)


def test_a_file_that_has_changed_since(tmp_path: Path) -> None:
    path = write_ply(tmp_path / "a.ply", samples.POINTS)
    cloud = read_point_cloud(path)
    write_ply(path, samples.POINTS[:3])
    with pytest.raises(DataError, match=r"a\.ply: has 3 vertices, and had 5"):
        write_labelled_ply(tmp_path / "b.ply", cloud, np.zeros(5, np.int64), np.zeros((5, 3), np.uint8))
    assert list(tmp_path.iterdir()) == [path]


def test_rows_without_a_point_keep_their_place(tmp_path: Path) -> None:
    points = samples.POINTS.astype(np.float64) / 3 + [500_000, 5_400_000, 300]
    points[[1, 3], 2] = np.nan
    records = np.rec.fromarrays([*points.T, np.arange(5) * 1.5], names="x,y,z,quality")
    np.save(tmp_path / "a.npy", np.asarray(records))
    ply = write_columns(tmp_path / "a.ply", {name: np.asarray(records[name]) for name in records.dtype.names or ()})
    for path in (tmp_path / "a.npy", ply):
        cloud = read_point_cloud(path)
        assert len(cloud) == 3
        labels, colors = np.array([4, 5, 6]), np.full((3, 3), 200, np.uint8)
        found = vertices_of(write_labelled_ply(tmp_path / "out.ply", cloud, labels, colors))
        assert found["label"].tolist() == [4, -1, 5, -1, 6]
        assert found["red"].tolist() == [200, 0, 200, 0, 200]
        assert np.stack([found[axis] for axis in "xyz"], axis=1).tobytes() == points.tobytes()
        np.testing.assert_array_equal(found["quality"], np.arange(5) * 1.5)


@pytest.mark.parametrize("kind", [".las", ".laz"])
def test_scanner_integers_are_written_as_the_doubles_they_stand_for(tmp_path: Path, kind: str) -> None:
    far = np.round(samples.POINTS.astype(np.float64) / 3 + [500_000, 5_400_000, 300], 3)
    path = samples.write(tmp_path, f"a{kind}", samples.las(kind, far))
    found = label(path, tmp_path / "out.ply")
    doubles = np.stack([found[axis] for axis in "xyz"], axis=1)
    offsets = np.floor(far.min(axis=0))
    integers = np.round((far - offsets) / 0.001)
    np.testing.assert_array_equal(doubles, integers * 0.001 + offsets)
    np.testing.assert_array_equal(np.round((doubles - offsets) / 0.001), integers)
