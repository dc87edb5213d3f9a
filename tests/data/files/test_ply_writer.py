"""Writing PLY: what is read back is what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud, write_ply
from pointlora.errors import DataError


def test_round_trip_bit_for_bit(tmp_path: Path) -> None:
    random = np.random.default_rng([7])
    points = (random.standard_normal((1000, 3)) * 10.0 ** random.integers(-30, 30, (1000, 1))).astype(np.float32)
    points[0] = [-0.0, np.finfo(np.float32).max, np.finfo(np.float32).smallest_subnormal]
    colors = random.integers(0, 256, (1000, 3)).astype(np.uint8)
    attributes = {
        "intensity": random.random(1000),
        "labels": random.integers(-5, 2**31 - 1, 1000),
        "normals": random.standard_normal((1000, 3)).astype(np.float32),
        "ring": random.integers(0, 60000, 1000).astype(np.uint16),
    }
    path = write_ply(tmp_path / "a.ply", points, colors=colors, attributes=attributes)
    cloud = read_point_cloud(path)
    assert cloud.points.tobytes() == points.tobytes()
    assert list(cloud.attributes) == ["colors", *attributes]
    for name, values in {"colors": colors, **attributes}.items():
        assert cloud.attributes[name].dtype == values.dtype
        np.testing.assert_array_equal(cloud.attributes[name], values)


def test_far_float32_points_round_trip(tmp_path: Path) -> None:
    points = samples.POINTS + np.float32(2**20)
    cloud = read_point_cloud(write_ply(tmp_path / "a.ply", points))
    assert cloud.points.tobytes() == points.tobytes()


def test_map_coordinates_are_written_as_doubles(tmp_path: Path) -> None:
    far = samples.POINTS.astype(np.float64) / 100 + np.array([452_000.123, 5_411_000.457, 230.0])
    first = read_point_cloud(write_ply(tmp_path / "a.ply", far))
    assert first.offset[1] > 5e6
    second = read_point_cloud(write_ply(tmp_path / "b.ply", first.points + first.offset))
    np.testing.assert_allclose(second.points + second.offset, far, atol=1e-7)


def test_bytes_of_the_file(tmp_path: Path) -> None:
    path = write_ply(tmp_path / "a.ply", samples.POINTS[:1], attributes={"labels": np.array([-2])})
    lines = ["ply", "format binary_little_endian 1.0", "element vertex 1"]
    lines += ["property float x", "property float y", "property float z", "property int label", "end_header", ""]
    expected = "\n".join(lines).encode() + samples.POINTS[:1].astype("<f4").tobytes() + b"\xfe\xff\xff\xff"
    assert path.read_bytes() == expected
    assert list(tmp_path.iterdir()) == [path]


def test_reading_and_writing_again_keeps_names_order_and_dtypes(tmp_path: Path) -> None:
    first = read_point_cloud(samples.write(tmp_path, "a.ply", samples.ply_points(">")))
    path = write_ply(tmp_path / "b.ply", first.points, attributes=first.attributes)
    second = read_point_cloud(path)
    assert list(second.attributes) == list(first.attributes)
    for name, values in first.attributes.items():
        assert second.attributes[name].tobytes() == values.tobytes()


def test_wide_and_narrowed_attributes(tmp_path: Path) -> None:
    attributes = {"pair": np.arange(10).reshape(5, 2), "inside": np.arange(5) > 2, "half": np.ones(5, np.float16)}
    read = read_point_cloud(write_ply(tmp_path / "a.ply", samples.POINTS, attributes=attributes)).attributes
    assert {name: values.dtype.name for name, values in read.items()} == {
        "pair_0": "int32",
        "pair_1": "int32",
        "inside": "uint8",
        "half": "float32",
    }
    np.testing.assert_array_equal(read["pair_1"], [1, 3, 5, 7, 9])


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"labels": np.array([2**31] * 5)}, "int32 can't hold"),
        ({"labels": np.zeros(4)}, "shape"),
        ({"names": np.array(list("abcde"))}, "integers and floats only"),
        ({"two words": np.zeros(5)}, "can't name a PLY property"),
        ({"x": np.zeros(5)}, "two attributes give the property 'x'"),
        ({"label": np.zeros(5), "labels": np.zeros(5)}, "'label'"),
        ({"colors": np.zeros((5, 3))}, "uint8"),
        ({"normals": np.zeros((5, 2))}, "shape"),
    ],
)
def test_attributes_that_do_not_fit(tmp_path: Path, attributes: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(DataError, match=words):
        write_ply(tmp_path / "a.ply", samples.POINTS, attributes=attributes)
    assert not list(tmp_path.iterdir())


def test_points_that_do_not_fit(tmp_path: Path) -> None:
    for points in (np.zeros((0, 3)), np.zeros((3, 2)), np.full((2, 3), np.nan), np.full((2, 3), 1e39)):
        with pytest.raises(DataError):
            write_ply(tmp_path / "a.ply", points)


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be written"):
        write_ply(tmp_path / "none" / "a.ply", samples.POINTS)
