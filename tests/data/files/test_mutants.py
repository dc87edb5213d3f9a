"""Damaged files of every kind: a sound cloud or one line, quickly, and within a bound of memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import file_samples as samples
from mutants import mutants, read_within_bounds
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError


def content(native: bool) -> dict[str, bytes]:
    """Samples, those that take a process each apart."""
    return {name: make() for name, make in samples.SAMPLES.items() if name.endswith(".e57") == native}


def faults(folder: Path, damaged: Iterator[tuple[str, int, bytes]]) -> list[str]:
    found = []
    for name, number, raw in damaged:
        path = samples.write(folder, name, raw)
        problem = read_within_bounds(path)
        if problem:
            found.append(f"{name} {number}: {problem}")
    return found


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_whole_files_are_within_the_bounds(tmp_path: Path, name: str) -> None:
    assert read_within_bounds(samples.write_sample(tmp_path, name)) == ""


def test_five_hundred_mutants(tmp_path: Path) -> None:
    assert faults(tmp_path, mutants(content(native=False), 497, seed=0)) == []
    assert faults(tmp_path, mutants(content(native=True), 3, seed=0)) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_twenty_thousand_mutants(tmp_path: Path, seed: int) -> None:
    assert faults(tmp_path, mutants(content(native=False), 4900, seed)) == []
    assert faults(tmp_path, mutants(content(native=True), 100, seed)) == []


def laz_with(position: int, value: bytes) -> bytes:
    raw = bytearray(samples.las(".laz", np.resize(samples.POINTS, (500, 3))))
    raw[position : position + len(value)] = value
    return bytes(raw)


@pytest.mark.parametrize("number", [501, 50_000, 50_001, 10**6, 2**32 - 1])
@pytest.mark.parametrize("chunk", [None, 10**6, 2**32 - 2])
def test_laz_counts_that_lie_cost_nothing(tmp_path: Path, number: int, chunk: int | None) -> None:
    raw = bytearray(laz_with(107, number.to_bytes(4, "little")))
    if chunk is not None:
        place = raw.index(b"laszip encoded") - 2 + 54 + 12
        raw[place : place + 4] = chunk.to_bytes(4, "little")
    path = samples.write(tmp_path, "a.laz", bytes(raw))
    assert read_within_bounds(path) == ""


def test_a_laz_whose_chunk_table_is_empty(tmp_path: Path) -> None:
    raw = laz_with(0, b"L")
    start = int.from_bytes(raw[96:100], "little")
    table = int.from_bytes(raw[start : start + 8], "little")
    path = samples.write(tmp_path, "a.laz", raw[: table + 4] + bytes(4) + raw[table + 8 :])
    with pytest.raises(DataError, match="500 points in chunks of 50000 don't make 0 chunks"):
        read_point_cloud(path)
    assert read_within_bounds(path) == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["a.xyz", "a.csv", "a.obj", "a.off", "a.ply", "a.pcd", "a.stl", "a.npy", "a.las", "a.laz"]
)
def test_large_files_are_within_the_bounds(tmp_path: Path, name: str) -> None:
    """A million short rows, where what a row costs shows; a mesh's vertices are its points."""
    number = 1_000_000
    points = np.random.default_rng([0]).integers(0, 9, (number, 3)).astype(np.float32)
    lines = samples.rows(points)
    header = "\n".join(["element vertex 1000000", *(f"property float {axis}" for axis in "xyz")])
    pcd = f"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH {number}\nHEIGHT 1\nPOINTS {number}\nDATA ascii\n"
    body = {
        "a.xyz": lines,
        "a.csv": "x,y,z\n" + lines.replace(" ", ","),
        "a.obj": "v " + lines.replace("\n", "\nv ").removesuffix("v "),
        "a.off": f"OFF\n{number} 0 0\n{lines}",
        "a.ply": samples.ply_header("ascii", header).decode() + lines,
        "a.pcd": pcd + lines,
    }.get(name)
    if name in ("a.las", "a.laz"):
        raw = samples.las(name[1:], points)
    elif name == "a.npy":
        raw = samples.npy(points)
    elif name == "a.stl":
        raw = b"x".ljust(80) + (20_000).to_bytes(4, "little") + np.resize(points.view(np.uint8), 1_000_000).tobytes()
    else:
        assert body is not None
        raw = body.encode()
    path = samples.write(tmp_path, name, raw)
    del lines, body, points, raw
    problem = read_within_bounds(path)
    assert problem == "" or problem.endswith(" s")
