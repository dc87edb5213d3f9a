"""Shards: what is written comes back, each process sees its own part, and damage is one line."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset_layouts import clouds, one_line
from pointlora.data import index_shards, open_dataset, write_shards
from pointlora.data.checking import check_clouds
from pointlora.data.datasets import shards as module
from pointlora.data.loading import make_loader
from pointlora.data.transforms import TransformConfig
from pointlora.errors import ConfigError, DataError

COUNT = 30


def ragged() -> list[np.ndarray]:
    return [clouds(1, 8 + number % 5, number)[0] for number in range(COUNT)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_shards(tmp_path / "set", iter(ragged()), (number % 3 for number in range(COUNT)), ("a", "b", "c"), 7)
    return tmp_path / "set"


def test_clouds_and_labels_come_back(folder: Path) -> None:
    dataset = open_dataset("shards", folder)
    assert len(list(folder.glob("*.npz"))) == 5
    assert (len(dataset), dataset.class_names) == (COUNT, ("a", "b", "c"))
    assert dataset.labels.tolist() == [number % 3 for number in range(COUNT)]
    for index in (29, 0, 13, 7, 6, 28):
        np.testing.assert_array_equal(dataset.cloud(index), ragged()[index])
    assert dataset.sources[13] == f"{folder / 'shard-000001.npz'}[6]"
    with pytest.raises(DataError, match=r"shard-000000.npz\[0\]: has 8 points"):
        check_clouds([dataset], 9)


def test_ones_own_files_are_indexed(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", clouds(4, 16).astype(np.float64))
    np.savez_compressed(tmp_path / "b.npz", points=clouds(3, 8).astype(np.float16))
    index_shards(tmp_path)
    dataset = open_dataset("shards", tmp_path)
    assert not dataset.labelled
    assert dataset.checked_sizes().tolist() == [16] * 4 + [8] * 3  # type: ignore[union-attr]
    np.testing.assert_array_equal(dataset.cloud(2), clouds(4, 16)[2])
    np.testing.assert_array_equal(dataset.cloud(6), clouds(3, 8)[2].astype(np.float16))


def test_an_epoch_opens_every_shard_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    inner = module.Shard
    monkeypatch.setattr(module, "Shard", lambda path, *names: (opened.append(path.name), inner(path, *names))[1])
    dataset = open_dataset("shards", folder, shards_in_memory=2)
    loader = make_loader(dataset.subset(range(1, COUNT)), TransformConfig(8), 4, seed=1)
    for epoch in range(3):
        loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
        dataset._held.clear()  # type: ignore[attr-defined]
        opened.clear()
        seen = [index for batch in loader for index in batch.index.tolist()]
        assert sorted(seen) == list(range(COUNT - 1))
        assert len(opened) == len(set(opened)) == 5
        assert len(dataset._held) == 2  # type: ignore[attr-defined]


def _rank(folder: Path, rank: int, size: int, workers: int, results: Any) -> None:
    loader = make_loader(
        open_dataset("shards", folder, shards_in_memory=2),
        TransformConfig(8),
        5,
        seed=1,
        workers=workers,
        rank=rank,
        world_size=size,
    )
    loader.multiprocessing_context = "fork" if workers else None
    seen = []
    for epoch in range(2):
        loader.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]
        seen.append([batch.index.tolist() for batch in loader])
    results.put((rank, seen))


@pytest.mark.parametrize("workers", [0, 2])
def test_two_processes_share_an_epoch_without_duplicates(folder: Path, workers: int) -> None:
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    processes = [context.Process(target=_rank, args=(folder, rank, 2, workers, results)) for rank in range(2)]
    for process in processes:
        process.start()
    seen = dict(results.get(timeout=60) for _ in processes)
    for process in processes:
        process.join()
    for epoch in range(2):
        batches = [seen[rank][epoch] for rank in range(2)]
        assert [len(part) for part in batches] == [3, 3]
        indices = [[index for batch in part for index in batch] for part in batches]
        assert not set(indices[0]) & set(indices[1])
        assert sorted(indices[0] + indices[1]) == list(range(COUNT))
    assert seen[0][0] != seen[0][1]
    results = context.Queue()
    _rank(folder, 1, 2, 0, results)
    assert results.get(timeout=60)[1] == seen[1]


def test_splits_lie_in_folders(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_shards(tmp_path / split, clouds(3 if split == "train" else 2))
    assert [len(open_dataset("shards", tmp_path, split)) for split in ("train", "test")] == [3, 2]
    with pytest.raises(DataError, match=r"validation/shards.json: no such file"):
        open_dataset("shards", tmp_path, "validation")


def test_what_is_wrong_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="already exists"):
        write_shards(folder, ragged())
    with pytest.raises(DataError, match=r"cloud 1 has shape \(4, 2\)"):
        write_shards(tmp_path / "other", [np.ones((4, 3)), np.ones((4, 2))])
    with pytest.raises(DataError, match="nothing to index"):
        write_shards(tmp_path / "empty", [])
    shard = folder / "shard-000002.npz"
    content = shard.read_bytes()
    shard.write_bytes(content[:-50])
    with pytest.raises(DataError) as error:
        open_dataset("shards", folder)
    one_line(error.value, shard, "index the shards again")
    shard.write_bytes(content[:400] + bytes(len(content) - 400))
    with pytest.raises(DataError) as error:
        open_dataset("shards", folder).cloud(16)
    one_line(error.value, shard, "damaged")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "pointlora shards 1", "class_names": [], "shards": []}', '{"format": 3}']
)
def test_a_damaged_index(folder: Path, text: str) -> None:
    (folder / "shards.json").write_text(text)
    with pytest.raises(DataError, match="shards again"):
        open_dataset("shards", folder)
    index = {"format": "pointlora shards 1", "class_names": [], "shards": [{"file": "a", "clouds": 2, "sizes": [1]}]}
    (folder / "shards.json").write_text(json.dumps(index))
    with pytest.raises(DataError, match="shards again"):
        open_dataset("shards", folder)
