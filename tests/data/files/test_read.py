"""The dispatch, its one kind of error, truncation at every byte and random damage, for every format."""

from __future__ import annotations

import builtins
import importlib
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import file_samples as samples
from pointlora.data.files import SUPPORTED_SUFFIXES, PointCloud, file_kind, is_supported, read_point_cloud
from pointlora.errors import DataError

MESHES = [name for name in samples.SAMPLES if name.startswith(("mesh", "poly")) or name.endswith(".stl")]
POINT_FILES = [name for name in samples.SAMPLES if name not in MESHES]
# Text without counts: a cut between two lines leaves a whole, shorter file, as the docstrings say.
UNCOUNTED = ("modelnet.txt", "mesh.obj", "named.csv", "commas.asc")
COUNTED = ("text.ply", "mesh_text.ply", "text.pcd", "points.xyz", "mesh.off", "text.stl", "scan.pts", "scan.ptx")


def refusal(path: Path, **options: int) -> str:
    with pytest.raises(DataError) as caught:
        read_point_cloud(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    assert ";" in message
    return message


def test_every_kind_has_a_sample() -> None:
    expected = {".ply", ".pcd", ".xyz", ".txt", ".npy", ".npz", ".off", ".obj", ".stl", ".las", ".laz"}
    expected |= {".csv", ".asc", ".pts", ".ptx", ".bin", ".glb", ".gltf", ".e57"}
    assert set(SUPPORTED_SUFFIXES) == expected
    assert {Path(name).suffix for name in samples.SAMPLES} == {*expected, ".gz"}
    assert {file_kind(Path(name)) for name in samples.SAMPLES} == {*expected, ".ply.gz", ".xyz.gz"}
    assert all(is_supported(Path(name.upper())) for name in samples.SAMPLES)
    assert not any(is_supported(Path(name)) for name in ("notes.tar.gz", "a.gz", "gz", "a.jpg"))


@pytest.mark.parametrize("name", POINT_FILES)
def test_every_point_format_gives_the_same_points(tmp_path: Path, name: str) -> None:
    cloud = read_point_cloud(samples.write_sample(tmp_path, name))
    assert cloud.points.dtype == np.float32
    if name.endswith((".las", ".laz")):
        np.testing.assert_allclose(cloud.points, samples.POINTS, atol=1e-6)
    else:
        np.testing.assert_array_equal(cloud.points, samples.POINTS)
    np.testing.assert_array_equal(cloud.offset, np.zeros(3))


@pytest.mark.parametrize("name", MESHES)
def test_samples_are_those_of_earlier_versions(tmp_path: Path, name: str) -> None:
    points = read_point_cloud(samples.write_sample(tmp_path, name), num_samples=64, seed=5).points
    # As the first readers of this library gave them for each of its mesh formats.
    np.testing.assert_allclose(points.min(axis=0), [0.021377355, 0.020341527, 0.014258856], rtol=1e-6)
    np.testing.assert_allclose(points.max(axis=0), [5.0, 3.6790464, 2.2449937], rtol=1e-6)
    np.testing.assert_allclose(points[1], [5.0, 3.308984, 0.014258856], rtol=1e-6)
    assert float(np.abs(points).sum(dtype=np.float64)) == pytest.approx(366.3169655557722, rel=1e-6)


@pytest.mark.parametrize("name", MESHES)
def test_every_mesh_format_gives_the_same_samples(tmp_path: Path, name: str) -> None:
    cloud = read_point_cloud(samples.write_sample(tmp_path, name), num_samples=500, seed=3)
    reference = read_point_cloud(samples.write_sample(tmp_path, "binary.stl"), num_samples=500, seed=3)
    np.testing.assert_array_equal(cloud.points, reference.points)
    on_square = cloud.points[:, 2] == 1
    assert (on_square | (cloud.points[:, 0] == 5)).all()
    assert len(read_point_cloud(cloud.path)) == 8192
    assert not np.array_equal(read_point_cloud(cloud.path, 500, seed=4).points, cloud.points)


def _ends_inside_a_line(raw: bytes, cut: int) -> bool:
    """Whether a number of the last line is missing, and the line is none of those that a table may do without."""
    last_line = raw[:cut].rpartition(b"\n")[2]
    whole_line = next(line for line in raw.split(b"\n") if line.startswith(last_line))
    separators = b";" if b";" in raw else b" ,"
    columns = [len(re.split(b"[" + separators + b"]+", line)) for line in (whole_line, last_line.rstrip(separators))]
    missing = columns[0] - columns[1]
    header = max(raw.find(b"\n", raw.find(mark)) if mark in raw else -1 for mark in (b"Z [m]", b"blue")) + 1
    return (
        bool(last_line and missing) and cut > raw.index(b"\n", header) and not last_line.startswith((b"vn", b"f", b"o"))
    )


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_truncation_at_every_byte(tmp_path: Path, name: str) -> None:
    path = samples.write_sample(tmp_path, name)
    raw = path.read_bytes()
    whole = read_point_cloud(path, 50).points
    text = name in COUNTED
    # In text with counts only the end of the last line can go unnoticed: a line break, a colour, a name.
    kept = len(raw.rstrip(b"\n")) if text else len(raw)
    if name == "mesh.off":
        kept = raw.rindex(b"6 255") + 1
    elif name == "text.stl":
        kept = raw.rindex(b"endsolid") + len(b"endsolid")
    elif name == "scan.pts":
        kept = raw.rindex(b"51") + 1
    # Each E57 file takes a process of its own.
    for cut in range(0, len(raw), 512) if name.endswith(".e57") else range(len(raw)):
        path.write_bytes(raw[:cut])
        if name in UNCOUNTED:
            if _ends_inside_a_line(raw, cut):
                refusal(path)
        elif name == "scan.bin" and cut and cut % 16 == 0:
            np.testing.assert_array_equal(read_point_cloud(path).points, whole[: cut // 16])
        elif cut < kept:
            refusal(path)
        else:
            np.testing.assert_array_equal(read_point_cloud(path, 50).points, whole)


# Each E57 file takes a process of its own; test_mutants damages some.
@pytest.mark.parametrize("name", [name for name in samples.SAMPLES if not name.endswith(".e57")])
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_random_damage_is_a_cloud_or_one_line(tmp_path: Path, name: str, data: st.DataObject) -> None:
    raw = bytearray(samples.SAMPLES[name]())
    flips = st.tuples(st.integers(0, len(raw) - 1), st.integers(0, 255))
    for position, value in data.draw(st.lists(flips, min_size=1, max_size=4)):
        raw[position] = value
    path = samples.write(tmp_path, name, bytes(raw))
    try:
        cloud = read_point_cloud(path, 50)
    except DataError:
        refusal(path)
        return
    assert isinstance(cloud, PointCloud)
    assert cloud.points.dtype == np.float32
    assert cloud.points.shape == (len(cloud), 3)
    assert len(cloud) > 0
    assert np.isfinite(cloud.points).all()
    assert all(len(values) == len(cloud) for values in cloud.attributes.values())


@pytest.mark.parametrize("suffix", SUPPORTED_SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"\0" * 300, b"\xff\xfe" * 150, b"hello world\n" * 30])
def test_rubbish_of_every_suffix(tmp_path: Path, suffix: str, content: bytes) -> None:
    message = refusal(samples.write(tmp_path, f"a{suffix}", content))
    assert content or "empty" in message


@pytest.mark.parametrize(
    ("suffix", "hint"),
    [(".plyy", ".ply"), (".pcb", ".pcd"), (".e58", ".e57"), (".gtlf", ".gltf"), (".cvs", None), (".step", None)],
)
def test_hints_are_near(tmp_path: Path, suffix: str, hint: str | None) -> None:
    message = refusal(tmp_path / f"a{suffix}")
    assert message.partition("did you mean ")[2].startswith(f"{hint}?") == (hint is not None)
    assert "supported are .asc .bin" in message


def test_suffix_case_and_near_names(tmp_path: Path) -> None:
    path = samples.write(tmp_path, "A.PLY", samples.ply_points("<"))
    assert len(read_point_cloud(str(path))) == 5
    message = refusal(tmp_path / "cloud.plyy")
    assert "did you mean .ply?" in message
    assert ".laz" in message
    assert refusal(tmp_path / "cloud").endswith("cloud: no such file; check the path")
    assert "unknown suffix ''; supported are" in refusal(samples.write(tmp_path, "cloud", b"1 2 3\n"))


def test_missing_folder_and_odd_paths(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.ply")
    folder = tmp_path / "folder.ply"
    folder.mkdir()
    assert "is a folder" in refusal(folder)
    assert "cannot be opened" in refusal(tmp_path / f"{'a' * 5000}.ply")
    with pytest.raises(DataError, match="no such file") as caught:
        read_point_cloud(tmp_path / "two\nlines.ply")
    assert "\n" not in str(caught.value)


def test_permission_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = samples.write_sample(tmp_path, "points.xyz")

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(builtins, "open", refuse)
    assert "no permission to read" in refusal(path)


def test_bad_arguments(tmp_path: Path) -> None:
    path = samples.write_sample(tmp_path, "mesh.off")
    assert "num_samples is 0" in refusal(path, num_samples=0)
    assert "seed is -1" in refusal(path, seed=-1)


@pytest.mark.parametrize(("name", "library"), [("scan.las", "laspy"), ("scan.laz", "lazrs")])
def test_missing_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, library: str) -> None:
    path = samples.write_sample(tmp_path, name)
    original = importlib.import_module

    def without(module: str, package: str | None = None) -> object:
        if module == library:
            raise ImportError(module)
        return original(module, package)

    monkeypatch.setattr(importlib, "import_module", without)
    message = refusal(path)
    assert f"needs the library {library}" in message
    assert "in a clone of the repository, pip install '.[io]'" in message


@pytest.mark.parametrize("value", ["inf", "-inf", "1e39"])
def test_coordinates_that_are_not_finite(tmp_path: Path, value: str) -> None:
    path = samples.write(tmp_path, "a.xyz", f"0 0 0\n1 2 3\n4 {value} 6\n{value} 1 1\n".encode())
    message = refusal(path)
    assert "2 of 4 points" in message
    assert "index 2" in message
