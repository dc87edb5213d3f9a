"""A data set in shards (`pointlora.data.shards`), read file by file: it may be larger than memory."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_integer
from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.datasets.paths import Root, check_root, check_split
from pointlora.data.orders import Blocks
from pointlora.data.shards import FORMAT, INDEX, Shard
from pointlora.errors import DataError

LAYOUT = f"<root>/{INDEX} beside its shards, or <root>/train/{INDEX} and so on (pointlora.data.write_shards makes one)"


class ShardsDataset(PointCloudDataset):
    """Clouds in shards; each process holds the files that were used last.

    Training shuffles the files, and the clouds within `shards_in_memory` of them; see `shuffled_order`.

    Args:
        root: folder with an index, which is the training split; or with one folder a split.
        split: `train`, `validation` or `test`.
        shards_in_memory: files that each process holds.
        features: names of what points have beside x, y, z.

    Raises:
        ConfigError: for an unknown split or a number below 1.
        DataError: if the index isn't there or damaged, or a file isn't as the index says.
    """

    def __init__(
        self, root: Root, split: str = "train", shards_in_memory: int = 4, features: Sequence[str] = ()
    ) -> None:
        check_split(split, ("train", "validation", "test"))
        check_integer("shards_in_memory", shards_in_memory, 1)
        base = check_root("shards", root, LAYOUT)
        folder = base if split == "train" and (base / INDEX).is_file() else base / split
        index = _read_index(folder)
        entries = index["shards"]
        counts = [int(entry["clouds"]) for entry in entries]
        labels = [entry.get("labels", [-1] * count) for entry, count in zip(entries, counts, strict=True)]
        flat = np.concatenate([np.array(part, np.int64) for part in labels])
        names = tuple(index["class_names"]) or tuple(f"class {number}" for number in range(int(flat.max()) + 1))
        self.features = tuple(features)
        self.paths = [folder / str(entry["file"]) for entry in entries]
        _check_files(self.paths, entries)
        self.ends = np.cumsum(counts)
        self._sizes = np.concatenate([np.full(n, entry["sizes"]) for entry, n in zip(entries, counts, strict=True)])
        self._room, self._held = shards_in_memory, OrderedDict[int, Shard]()
        super().__init__("shards", split, names, flat, _Sources(self.paths, self.ends))

    def cloud(self, index: int) -> NDArray[np.float32]:
        number, inside = _locate(self.ends, index)
        shard = self._held.pop(number, None)
        if shard is None:
            while len(self._held) >= self._room:
                self._held.popitem(last=False)
            shard = Shard(self.paths[number], self.features)
        self._held[number] = shard
        if inside >= len(shard):
            raise DataError(f"{self.paths[number]}: holds {len(shard)} clouds, fewer than {INDEX} says; index it again")
        return shard.cloud(inside)

    def automatic_features(self) -> tuple[str, ...]:
        found = [Shard(path).automatic_features() for path in self.paths]
        return tuple(name for name in found[0] if all(name in others for others in found))

    def checked_sizes(self) -> NDArray[np.int64]:
        return self._sizes

    def blocks(self) -> Blocks:
        counts = np.diff(self.ends, prepend=0)
        return Blocks(np.repeat(np.arange(len(counts)), counts), self._room)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_held": OrderedDict()}


class _Sources(Sequence[str]):
    """`shard-000001.npz[3]` and so on, made as they are asked for."""

    def __init__(self, paths: Sequence[Path], ends: NDArray[np.int64]) -> None:
        self.paths, self.ends = paths, ends

    def __len__(self) -> int:
        return int(self.ends[-1])

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        number, inside = _locate(self.ends, range(len(self))[index])
        return f"{self.paths[number]}[{inside}]"


def _locate(ends: NDArray[np.int64], index: int) -> tuple[int, int]:
    """Number of the shard, and the position in it."""
    number = int(np.searchsorted(ends, index, side="right"))
    return number, index - (int(ends[number - 1]) if number else 0)


def _read_index(folder: Path) -> dict[str, Any]:
    path = folder / INDEX
    if not path.is_file():
        raise DataError(f"{path}: no such file; data set 'shards' expects {LAYOUT}")
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        usable = index["format"] == FORMAT and all(
            len(np.broadcast_to(entry["sizes"], entry["clouds"]))
            == len(entry.get("labels", range(entry["clouds"])))
            == entry["clouds"]
            > 0
            for entry in index["shards"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: is damaged; delete it and index the shards again") from error
    if not usable or not index["shards"]:
        raise DataError(f"{path}: is not an index of shards ({FORMAT}); delete it and index the shards again")
    found: dict[str, Any] = index
    return found


def _check_files(paths: Sequence[Path], entries: Sequence[dict[str, Any]]) -> None:
    for path, entry in zip(paths, entries, strict=True):
        size = path.stat().st_size if path.is_file() else None
        if size is None or size != entry.get("bytes"):
            what = "no such file" if size is None else f"has {size} bytes, not {entry.get('bytes')} as {INDEX} says"
            raise DataError(f"{path}: {what}; delete {INDEX} and index the shards again")
