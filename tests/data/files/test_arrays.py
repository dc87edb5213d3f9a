"""NumPy files: names and dtypes, headers that lie, archives that explode."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError


def test_npz_picks_arrays_by_name(tmp_path: Path) -> None:
    content = samples.npz(
        points=samples.POINTS,
        labels=samples.LABELS.astype(np.uint8),
        normals=samples.NORMALS.astype(np.float64),
        colors=samples.COLORS / 255.0,
        height=np.arange(5, dtype=np.int16),
        scale=np.ones(2),
    )
    attributes = read_point_cloud(samples.write(tmp_path, "a.npz", content)).attributes
    assert set(attributes) == {"labels", "normals", "colors", "height"}
    assert {name: values.dtype.name for name, values in attributes.items()} == {
        "labels": "int64",
        "normals": "float32",
        "colors": "uint8",
        "height": "int16",
    }
    np.testing.assert_array_equal(attributes["labels"], samples.LABELS)
    np.testing.assert_array_equal(attributes["colors"], samples.COLORS)
    np.testing.assert_array_equal(attributes["normals"], samples.NORMALS)


def test_npz_with_a_single_table(tmp_path: Path) -> None:
    content = samples.npz(compressed=False, cloud=samples.POINTS, label=samples.LABELS)
    cloud = read_point_cloud(samples.write(tmp_path, "a.npz", content))
    np.testing.assert_array_equal(cloud.points, samples.POINTS)
    np.testing.assert_array_equal(cloud.attributes["labels"], samples.LABELS)


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(samples.POINTS),
        samples.POINTS.astype(">f8"),
        np.hstack([samples.POINTS, samples.NORMALS]),
    ],
)
def test_npy_orders_and_widths(tmp_path: Path, array: np.ndarray) -> None:
    cloud = read_point_cloud(samples.write(tmp_path, "a.npy", samples.npy(array)))
    np.testing.assert_array_equal(cloud.points, samples.POINTS)
    assert ("normals" in cloud.attributes) == (array.shape[1] == 6)


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1, 2, None]], dtype=object),
        np.array([["1", "2", "3"]]),
        np.zeros((4, 3), dtype=complex),
        np.zeros((4, 2)),
        np.zeros(6),
        np.zeros((2, 4, 3)),
        np.zeros((0, 3)),
        np.zeros((4, 3), dtype=bool),
        np.zeros(4, dtype=[("x", "f4"), ("y", "f4"), ("t", "f4")]),
        np.zeros(4, dtype=[("x", "f4"), ("y", "f4"), ("z", "O")]),
    ],
)
def test_wrong_dtypes_and_shapes(tmp_path: Path, array: np.ndarray) -> None:
    for name, content in (("a.npy", samples.npy(array)), ("a.npz", samples.npz(points=array))):
        with pytest.raises(DataError):
            read_point_cloud(samples.write(tmp_path, name, content))


def forged_header(shape: str) -> bytes:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize("shape", ["(1000000000000, 3)", "(-5, -3)", "(4, 3)", "(6, 3)", "(10**9,)", "'x'"])
def test_npy_header_that_lies(tmp_path: Path, shape: str) -> None:
    path = samples.write(tmp_path, "a.npy", forged_header(shape) + samples.POINTS.tobytes())
    with pytest.raises(DataError, match=r"declares shape|no valid \.npy header"):
        read_point_cloud(path)


def test_npz_member_that_lies_about_its_shape(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("points.npy", forged_header("(1000000000000, 3)") + b"\0" * 60)
    with pytest.raises(DataError, match="declares shape"):
        read_point_cloud(samples.write(tmp_path, "a.npz", buffer.getvalue()))


def test_npz_forged_sizes(tmp_path: Path) -> None:
    raw = samples.npz(points=samples.POINTS)
    central = raw.index(b"PK\x01\x02")
    for declared, words in ((2**32 - 2, "unpack to|more than it can hold"), (10**7, "more than it can hold")):
        forged = bytearray(raw)
        forged[central + 24 : central + 28] = declared.to_bytes(4, "little")
        with pytest.raises(DataError, match=words):
            read_point_cloud(samples.write(tmp_path, "a.npz", bytes(forged)))


def test_npz_without_points(tmp_path: Path) -> None:
    content = samples.npz(a=samples.POINTS, b=samples.POINTS)
    with pytest.raises(DataError, match=r"no array 'points' among a \(5, 3\), b \(5, 3\)"):
        read_point_cloud(samples.write(tmp_path, "a.npz", content))


@pytest.mark.parametrize(
    "extra", [{"labels": np.zeros(4)}, {"normals": np.zeros((5, 2))}, {"colors": np.full((5, 3), 300)}]
)
def test_npz_attributes_that_do_not_fit(tmp_path: Path, extra: dict[str, np.ndarray]) -> None:
    content = samples.npz(points=samples.POINTS, **extra)
    with pytest.raises(DataError, match=next(iter(extra))):
        read_point_cloud(samples.write(tmp_path, "a.npz", content))


@pytest.mark.parametrize("order", [("x", "y", "z"), ("Z", "I", "Y", "X"), ("label", "x", "nx", "y", "ny", "z", "nz")])
@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<i2"])
def test_structured_arrays(tmp_path: Path, order: tuple[str, ...], kind: str) -> None:
    points = np.round(samples.POINTS * 8)
    array = np.zeros(5, [(name, kind) for name in order])
    for place, axis in enumerate("xyz"):
        array[axis if axis in order else axis.upper()] = points[:, place]
    samples.write(tmp_path, "a.npy", samples.npy(array))
    samples.write(tmp_path, "a.npz", samples.npz(cloud=array, other=np.zeros(3)))
    for name in ("a.npy", "a.npz"):
        cloud = read_point_cloud(tmp_path / name)
        np.testing.assert_array_equal(cloud.points, points)
        assert ("normals" in cloud.attributes) == ("nx" in order)
        assert (cloud.label_source == "label") == ("label" in order)


@pytest.mark.parametrize("shape", [(3, 200), (3, 8), (3, 100_000), (6, 200), (4, 64), (7, 1024)])
@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.txt"])
def test_points_as_columns_are_refused(tmp_path: Path, shape: tuple[int, int], name: str) -> None:
    if shape[1] > 10_000 and name == "a.txt":
        pytest.skip("no text has so many columns")
    table = np.random.default_rng([0]).random(shape)
    content = {"a.npy": samples.npy(table), "a.npz": samples.npz(points=table), "a.txt": samples.rows(table).encode()}
    with pytest.raises(
        DataError, match=rf"store them transposed, as rows of x, y, z: shape \({shape[1]}, {shape[0]}\)"
    ):
        read_point_cloud(samples.write(tmp_path, name, content[name]))


@pytest.mark.parametrize("name", ["points", "xyz", "pos", "cloud"])
def test_npz_with_other_arrays_beside(tmp_path: Path, name: str) -> None:
    beside = {
        "class_name": np.array(["chair"]),
        "names": np.array([b"a", b"b"]),
        "meta": np.array({"a": 1}, dtype=object),
        "when": np.array(["2020-01-01"], dtype="M8[D]"),
        "scale": np.array(2.0),
        "label": samples.LABELS,
    }
    if name != "cloud":
        beside["faces"] = samples.TRIANGLES
    cloud = read_point_cloud(samples.write(tmp_path, "a.npz", samples.npz(**{name: samples.POINTS}, **beside)))
    np.testing.assert_array_equal(cloud.points, samples.POINTS)
    assert set(cloud.attributes) == {"labels"}


def test_npz_with_an_array_an_axis(tmp_path: Path) -> None:
    x, y, z = samples.POINTS.T
    cloud = read_point_cloud(samples.write(tmp_path, "a.npz", samples.npz(X=x, Z=z, Y=y, intensity=np.arange(5))))
    np.testing.assert_array_equal(cloud.points, samples.POINTS)
    np.testing.assert_array_equal(cloud.columns["intensity"], np.arange(5))


@pytest.mark.filterwarnings("error")
def test_half_precision(tmp_path: Path) -> None:
    points = samples.POINTS.astype(np.float16)
    points[1] = np.nan
    content = samples.npy(points)
    cloud = read_point_cloud(samples.write(tmp_path, "a.npy", content))
    np.testing.assert_array_equal(cloud.points, points[[0, 2, 3, 4]].astype(np.float32))
    assert cloud.original().dtype == np.float16
    points[2, 0] = np.inf
    with pytest.raises(DataError, match="1 of 5 points are infinite"):
        read_point_cloud(samples.write(tmp_path, "a.npy", samples.npy(points)))
