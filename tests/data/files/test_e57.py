"""E57: poses, invalid points, map coordinates, and a library that is missing or crashes."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import file_samples as samples
from pointlora.data.files import read_point_cloud
from pointlora.errors import DataError

pytest.importorskip("pye57")


def test_columns_of_a_scan(tmp_path: Path) -> None:
    cloud = read_point_cloud(samples.write_sample(tmp_path, "scan.e57"))
    np.testing.assert_array_equal(cloud.points, samples.POINTS)
    np.testing.assert_array_equal(cloud.attributes["colors"], samples.COLORS)
    np.testing.assert_array_equal(cloud.columns["intensity"], np.arange(5))


def test_pose_and_invalid_points(tmp_path: Path) -> None:
    invalid = np.array([0, 1, 0, 0, 2], np.int8)
    # A quarter turn about z, as a quaternion.
    turn, move = np.array([np.sqrt(0.5), 0, 0, np.sqrt(0.5)]), np.array([500_000.25, 5_400_000.5, 300])
    content = samples.e57(rotation=turn, translation=move, columns={"cartesianInvalidState": invalid})
    cloud = read_point_cloud(samples.write(tmp_path, "a.e57", content))
    assert (cloud.file_rows, cloud.num_dropped) == (5, 2)
    np.testing.assert_array_equal(cloud.kept_rows, [0, 2, 3])
    x, y, z = samples.POINTS[[0, 2, 3]].astype(float).T
    np.testing.assert_allclose(cloud.original(), np.stack([-y, x, z], axis=1) + move, atol=1e-8)
    np.testing.assert_allclose(cloud.points + cloud.offset, cloud.original(), atol=1e-5)


@pytest.mark.parametrize(
    ("place", "content", "words"),
    [
        (0, b"ASTM-X57", "does not start with the header"),
        (8, b"\x07", "E57 version 7.0"),
        (16, b"\xff\xff", "the header declares"),
        (60, b"\xff\x00\xff\x00", "pye57 cannot read it"),
        (-200, b"\xff\x00\xff\x00", "pye57 cannot read it"),
    ],
)
def test_damage(tmp_path: Path, place: int, content: bytes, words: str) -> None:
    raw = bytearray(samples.e57())
    place %= len(raw)
    raw[place : place + len(content)] = content
    with pytest.raises(DataError, match=words):
        read_point_cloud(samples.write(tmp_path, "a.e57", bytes(raw)))


def test_missing_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = samples.write_sample(tmp_path, "scan.e57")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        DataError, match=r"needs the library pye57; in a clone of the repository, pip install '\.\[e57\]'"
    ):
        read_point_cloud(path)


def test_a_child_that_crashes_or_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = samples.write_sample(tmp_path, "scan.e57")

    def crash(*arguments: Any, **options: Any) -> Any:
        return subprocess.CompletedProcess([], -11, b"", b"")

    def hang(*arguments: Any, **options: Any) -> Any:
        raise subprocess.TimeoutExpired([], 30)

    monkeypatch.setattr(subprocess, "run", crash)
    with pytest.raises(DataError, match="it ended with code -11"):
        read_point_cloud(path)
    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(DataError, match="did not read it within 30 seconds"):
        read_point_cloud(path)
