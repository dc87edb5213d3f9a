"""Where labels are written to, and that nothing else is touched."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from part_samples import SPACE
from pointlora.data.files import read_point_cloud, write_ply
from pointlora.data.parts.colors import part_colors
from pointlora.errors import ConfigError, DataError
from pointlora.prediction import PartPrediction, write_prediction
from pointlora.prediction.part_files import plan_outputs


def prediction(path: Path, size: int = 20) -> PartPrediction:
    write_ply(path, np.random.default_rng([4]).normal(size=(size, 3)).astype(np.float32))
    return PartPrediction(path, "points", read_point_cloud(path), np.arange(size) % 3, SPACE, 0)


def test_folders_are_those_of_the_files(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("in/chair/1.ply", "in/mug/1.ply", "in/mug/1.xyz", "in/mug/2.v1.ply")]
    found = plan_outputs(files, tmp_path / "out")
    names = ["chair/1", "mug/1.ply", "mug/1.xyz", "mug/2.v1"]
    assert found == [tmp_path / "out" / name for name in names]
    assert plan_outputs(files[:1] * 2, "out") == [Path("out/1")] * 2
    assert plan_outputs([], "out") == []


def test_inputs_are_never_overwritten(tmp_path: Path) -> None:
    files = [tmp_path / "a.ply", tmp_path / "a_parts.ply"]
    with pytest.raises(ConfigError, match=r"a_parts\.ply would be overwritten: choose another --output"):
        plan_outputs(files, tmp_path)
    os.symlink(tmp_path, tmp_path / "link")
    with pytest.raises(ConfigError, match="would be overwritten"):
        plan_outputs(files, tmp_path / "link")
    plan_outputs(files, tmp_path / "other")
    with pytest.raises(ConfigError, match=r"would both be written to .*a\.ply: rename one of them"):
        plan_outputs([tmp_path / name for name in ("a.ply", "a.xyz", "a.ply.txt")], tmp_path / "other")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="is a file; labels are written into a folder"):
        plan_outputs(files, tmp_path / "file")


def test_cloud_and_labels(tmp_path: Path) -> None:
    one = prediction(tmp_path / "a.b.ply")
    cloud, labels = write_prediction(one, tmp_path / "deep" / "er" / "a.b")
    assert (cloud.name, labels.name) == ("a.b_parts.ply", "a.b_parts.npy")
    stored = np.load(labels)
    assert stored.dtype == np.int64
    np.testing.assert_array_equal(stored, one.labels)
    found = read_point_cloud(cloud)
    np.testing.assert_array_equal(found.attributes["labels"], one.labels)
    np.testing.assert_array_equal(found.attributes["colors"], part_colors(SPACE)[one.labels])
    np.testing.assert_array_equal(found.points, one.cloud.points)
    assert b"comment pointlora label 1 chair seat\n" in cloud.read_bytes()
    assert one.shares == {"chair back": 0.35, "chair seat": 0.35, "chair leg": 0.3}


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = prediction(tmp_path / "a.ply")
    paths = write_prediction(one, tmp_path / "out" / "a")
    before = [path.read_bytes() for path in paths]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device"):
        write_prediction(one, tmp_path / "out" / "a")
    assert [path.read_bytes() for path in paths] == before
    assert sorted((tmp_path / "out").iterdir()) == sorted(paths)
