"""Caches of data sets: made once, shared by processes, made anew when something changed, and never in the way."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset_layouts import clouds, one_line, write_class_folders, write_cloud, write_hdf5
from pointlora.data import open_dataset
from pointlora.data.cache.store import cache_folder
from pointlora.data.checking import check_clouds
from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.datasets.files import FilesSource
from pointlora.errors import ConfigError, DataError


def open_folder(tmp_path: Path, **options: Any) -> PointCloudDataset:
    return open_dataset("folder", tmp_path / "set", "all", cache=str(tmp_path / "cache"), **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_class_folders(tmp_path / "set", {"ant": 3, "bee": 4})
    write_cloud(tmp_path / "set" / "bee" / "bee_99.txt", clouds(1, 21)[0])
    return tmp_path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The indices of the files that are read."""
    seen: list[int] = []
    inner = FilesSource.cloud
    monkeypatch.setattr(FilesSource, "cloud", lambda self, index: (seen.append(index), inner(self, index))[1])
    return seen


def caches(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").glob("*.clouds"))


def test_files_are_read_once_and_clouds_are_the_same(folder: Path, reads: list[int]) -> None:
    plain = [cloud.copy() for cloud in map(open_dataset("folder", folder / "set", "all").cloud, range(8))]
    reads.clear()
    for _ in range(2):
        dataset = open_folder(folder)
        check_clouds([dataset, dataset.subset([3, 1])], min_points=8)
        for index, expected in enumerate(plain):
            np.testing.assert_array_equal(dataset.cloud(index), expected)
    assert reads == list(range(8))
    assert dataset.checked_sizes().tolist() == [8] * 7 + [21]  # type: ignore[union-attr]
    with pytest.raises(DataError, match=r"ant_00.txt: has 8 points; at least 9"):
        check_clouds([dataset], min_points=9)
    assert len(caches(folder)) == 1


def test_a_changed_file_or_option_makes_a_new_cache(folder: Path, reads: list[int]) -> None:
    open_folder(folder)
    file = folder / "set" / "ant" / "ant_01.txt"
    status = file.stat()
    file.write_text(file.read_text().replace("1.000000", "9.000000"))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert open_folder(folder).cloud(1)[0, 0] == 9.0
    assert len(reads) == 16
    assert len(caches(folder)) == 1  # of the same files: the older one is replaced
    open_folder(folder, mesh_samples=7)
    (folder / "set" / "ant" / "ant_02.txt").unlink()
    assert len(open_folder(folder)) == 7
    assert len(caches(folder)) == 3


@pytest.mark.parametrize("damage", ["cut", "header", "points", "empty"])
def test_a_damaged_cache_is_made_anew(folder: Path, reads: list[int], damage: str) -> None:
    expected = open_folder(folder).cloud(4)
    cache = caches(folder)[0]
    content = bytearray(cache.read_bytes())
    if damage in ("header", "points"):
        content[30 if damage == "header" else 1024 + 12 * 8 * 4 + 5] ^= 0xFF
    cache.write_bytes({"cut": content[:-9], "empty": b""}.get(damage, content))
    dataset = open_folder(folder)
    np.testing.assert_array_equal(dataset.cloud(4), expected)
    assert len(reads) == 16
    np.testing.assert_array_equal(open_folder(folder).cloud(4), expected)
    assert len(reads) == 16


def test_a_cache_that_is_removed_or_sent_elsewhere_while_open(folder: Path) -> None:
    dataset = open_folder(folder)
    expected = dataset.cloud(7)
    sent = pickle.loads(pickle.dumps(dataset))
    np.testing.assert_array_equal(sent.cloud(7), expected)
    late = pickle.dumps(dataset)
    caches(folder)[0].unlink()
    np.testing.assert_array_equal(dataset.cloud(7), expected)
    np.testing.assert_array_equal(pickle.loads(late).cloud(7), expected)
    caches(folder)[0].unlink()
    write_cloud(folder / "set" / "ant" / "ant_00.txt", clouds(1, 5)[0])
    with pytest.raises(DataError, match="have changed during the run"):
        pickle.loads(late).cloud(7)


def _open_at_once(root: Path, barrier: Any, reads: Any) -> None:
    inner = FilesSource.cloud

    def counted(self: FilesSource, index: int) -> np.ndarray:
        with reads.get_lock():
            reads.value += 1
        return inner(self, index)

    FilesSource.cloud = counted  # type: ignore[method-assign]
    barrier.wait()
    dataset = open_folder(root)
    assert dataset.cloud(7).shape == (21, 3)


def test_two_processes_make_it_once(folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    barrier, reads = context.Barrier(2), context.Value("i", 0)
    processes = [context.Process(target=_open_at_once, args=(folder, barrier, reads)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert reads.value == 8
    assert len(caches(folder)) == 1


def test_hdf5_sets(tmp_path: Path) -> None:
    root = tmp_path / "modelnet40"
    root.mkdir()
    (root / "shape_names.txt").write_text("cup\nhat\n")
    for number in range(2):
        write_hdf5(root / f"ply_data_train{number}.h5", clouds(3, 16, number), np.array([0, 1, 1]))
    plain = open_dataset("modelnet40", root, "train")
    for _ in range(2):
        dataset = open_dataset("modelnet40", root, "train", cache=str(tmp_path / "cache"))
        assert dataset.labels.tolist() == [0, 1, 1, 0, 1, 1]
        assert list(dataset.sources) == list(plain.sources)
        assert all(np.array_equal(dataset.cloud(index), plain.cloud(index)) for index in range(6))
    assert dataset.sources[4] == f"{root / 'ply_data_train1.h5'}[1]"
    bad = clouds(3, 16)
    bad[1, 3, 2] = np.inf
    write_hdf5(root / "ply_data_train1.h5", bad, np.array([0, 1, 1]))
    with pytest.raises(DataError) as error:
        open_dataset("modelnet40", root, "train", cache=str(tmp_path / "cache"))
    one_line(error.value, "ply_data_train1.h5", "cloud 1 holds NaN or infinity")


def test_where_caches_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTLORA_CACHE", "/somewhere")
    assert cache_folder("auto") == Path("/somewhere")
    assert cache_folder("off") is None
    assert cache_folder("~/mine") == Path.home() / "mine"
    with pytest.raises(ConfigError, match="did you mean 'auto'"):
        cache_folder("aut")
    monkeypatch.delenv("POINTLORA_CACHE")
    assert cache_folder("auto") == Path.home() / ".cache" / "pointlora"


def test_a_folder_that_cannot_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "file").write_text("")
    monkeypatch.setenv("POINTLORA_CACHE", str(folder / "file" / "inside"))
    dataset = open_dataset("folder", folder / "set", "all", cache="auto")
    assert dataset.cloud(7).shape == (21, 3)
    assert dataset.checked_sizes() is None
    said = capsys.readouterr().err
    (line,) = [line for line in said.splitlines() if "fewer than a patch" not in line]
    assert "continuing without it" in line
    with pytest.raises(DataError, match=r"data.cache, or off"):
        open_dataset("folder", folder / "set", "all", cache=str(folder / "file" / "inside"))


_READ_ALL = """
import os, sys
from pathlib import Path
from pointlora.data import open_dataset
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
dataset = open_dataset("scanobjectnn", sys.argv[1], variant="obj_bg", cache=sys.argv[2])
first, before = dataset.cloud(0).sum(), resident()
for epoch in range(2):
    for index in range(len(dataset)):
        dataset.cloud(index)
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells the resident set there")
def test_memory_doesnt_grow_with_what_is_read(tmp_path: Path) -> None:
    write_hdf5(tmp_path / "main_split" / "training_objectdataset.h5", clouds(2000, 2048), np.arange(2000) % 15)
    for _ in range(2):
        command = [sys.executable, "-c", _READ_ALL, str(tmp_path), str(tmp_path / "cache")]
        grown = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert caches(tmp_path)[0].stat().st_size > 49_000_000
    assert grown < 2_000_000
