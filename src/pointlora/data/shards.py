"""Shards: clouds in files of some hundreds or thousands, with an index, for data sets larger than memory.

A shard is a `.npy` file with points (n, N, 3), or a `.npz` file with `points` (n, N, 3), or (total, 3) and `sizes` (n,)
for clouds of different sizes, and optionally `labels` (n,) and features: `colors`, `normals`, or others, as
many as there are points. The index `shards.json` says how many clouds each file
holds, how many points they have, and their labels, so that opening a data set reads no shard.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pointlora.atomic import write_atomically, write_text_atomically
from pointlora.checks import check_integer
from pointlora.data.datasets.array_features import array_features, automatic_array_features
from pointlora.data.datasets.arrays import check_labels
from pointlora.data.progress import Progress
from pointlora.errors import ConfigError, DataError

INDEX = "shards.json"
FORMAT = "pointlora shards 1"


class Shard:
    """The clouds of one file, in memory.

    Attributes:
        sizes: (n,) int64, points of each cloud.
        labels: (n,) int64, -1 where there are none.

    Args:
        path: the file.
        features: names of what points have beside x, y, z, as `channel_names` gives them.

    Raises:
        DataError: naming the file, if it can't be read or holds something else.
    """

    def __init__(self, path: Path, features: Sequence[str] = ()) -> None:
        self._path, arrays = path, _read_arrays(path, further=bool(features))
        points = arrays["points"]
        if points.dtype.kind != "f" or points.shape[-1:] != (3,) or points.ndim not in (2, 3) or 0 in points.shape:
            raise DataError(
                f"{path}: points have dtype {points.dtype}, shape {points.shape}; floats (n, N, 3) expected"
            )
        if points.ndim == 3:
            self.sizes = np.full(len(points), points.shape[1], dtype=np.int64)
        elif "sizes" in arrays:
            self.sizes = check_labels(arrays["sizes"], len(arrays["sizes"]), None, f"{path}: array 'sizes'")
        else:
            raise DataError(f"{path}: points have shape {points.shape}, so an array 'sizes' (n,) is expected too")
        if features:
            further = array_features(arrays, points.shape[:-1], features, str(path))
            points = np.concatenate([points.astype(np.float32), further], -1)
        self._points = points.reshape(-1, points.shape[-1])
        if self.sizes.min(initial=1) < 1 or self.sizes.sum() != len(self._points):
            raise DataError(f"{path}: array 'sizes' must be positive numbers that add up to {len(self._points)} points")
        self._ends = np.cumsum(self.sizes)
        self.labels = np.full(len(self), -1, np.int64)
        if "labels" in arrays:
            self.labels = check_labels(arrays["labels"], len(self), None, f"{path}: array 'labels'")

    def __len__(self) -> int:
        return len(self.sizes)

    def cloud(self, index: int) -> NDArray[np.float32]:
        """Cloud `index` as (N_i, 3) float32, or (N_i, 3 + F)."""
        end = int(self._ends[index])
        return self._points[end - int(self.sizes[index]) : end].astype(np.float32)

    def automatic_features(self) -> tuple[str, ...]:
        """What `data.features: auto` takes of the file."""
        arrays = _read_arrays(self._path, further=True)
        return automatic_array_features(arrays, arrays["points"].shape[:-1])

    def all_finite(self) -> bool:
        """Whether no coordinate is NaN or infinite."""
        return bool(np.isfinite(self._points).all())


def write_shards(
    folder: str | os.PathLike[str],
    clouds: Iterable[NDArray],
    labels: Iterable[int] | None = None,
    class_names: Sequence[str] = (),
    clouds_per_shard: int = 1024,
    features: Sequence[str] = (),
) -> Path:
    """Write clouds as shards with their index; memory holds one shard at a time.

    Args:
        folder: is made; it may hold no index yet.
        clouds: (N_i, 3) each, of any sizes, or (N_i, 3 + F).
        labels: one per cloud.
        class_names: names of the labels.
        clouds_per_shard: clouds per file. Training holds some files per process in memory: 1024 clouds of 2048 points
            are 25 MB.
        features: F names of what points have beside x, y, z; colours are from 0 to 255.

    Returns:
        the index, written last.

    Raises:
        ConfigError: if the folder holds shards already, or `clouds_per_shard` is below 1.
        DataError: for clouds that aren't (N, 3) finite numbers, or no cloud at all.
    """
    target = Path(folder)
    check_integer("clouds_per_shard", clouds_per_shard, 1)
    if (target / INDEX).exists():
        raise ConfigError(f"{target / INDEX} already exists: choose another folder, or delete it")
    target.mkdir(parents=True, exist_ok=True)
    numbers = None if labels is None else iter(labels)
    for count, part in enumerate(_parts(clouds, clouds_per_shard, 3 + len(features))):
        rows = np.concatenate(part)
        arrays = {"points": rows[:, :3], "sizes": np.array([len(cloud) for cloud in part])}
        arrays |= {name: rows[:, 3 + place] for place, name in enumerate(features)}
        if numbers is not None:
            arrays["labels"] = np.array([next(numbers) for _ in part], dtype=np.int64)
        write_atomically(target / f"shard-{count:06}.npz", partial(_save, arrays))
    return index_shards(target, class_names)


def index_shards(folder: str | os.PathLike[str], class_names: Sequence[str] = ()) -> Path:
    """Write the index of the `.npz` and `.npy` files in a folder, after reading and checking each once.

    Returns:
        the index.

    Raises:
        DataError: if there is none, or one is damaged or holds NaN.
    """
    target = Path(folder)
    files = sorted(path for path in target.iterdir() if path.suffix in (".npz", ".npy"))
    if not files:
        raise DataError(f"{target}: holds no .npz or .npy file, so there is nothing to index")
    entries: list[dict[str, Any]] = []
    with Progress("reading shards", len(files)) as progress:
        for path in progress.over(files):
            shard = Shard(path)
            if not shard.all_finite():
                raise DataError(f"{path}: holds NaN or infinite coordinates")
            sizes = shard.sizes.tolist()
            entry = {"file": path.name, "bytes": path.stat().st_size, "clouds": len(shard)}
            entry["sizes"] = sizes[0] if len(set(sizes)) == 1 else sizes
            entries.append(entry | ({"labels": shard.labels.tolist()} if (shard.labels >= 0).all() else {}))
    index = {"format": FORMAT, "class_names": list(class_names), "shards": entries}
    return write_text_atomically(target / INDEX, json.dumps(index) + "\n")


def _save(arrays: dict[str, NDArray], file: BinaryIO) -> None:
    np.savez(file, **arrays)  # type: ignore[arg-type]


def _parts(clouds: Iterable[NDArray], count: int, width: int) -> Iterator[list[NDArray[np.float32]]]:
    part: list[NDArray[np.float32]] = []
    for number, cloud in enumerate(clouds):
        points = np.asarray(cloud, dtype=np.float32)
        if points.ndim != 2 or points.shape[1] != width or not len(points):
            raise DataError(f"cloud {number} has shape {points.shape}; (N, {width}) with N of at least 1 is expected")
        if not np.isfinite(points).all():
            raise DataError(f"cloud {number} holds NaN or infinite coordinates")
        part.append(points)
        if len(part) == count:
            yield part
            part = []
    if part:
        yield part


def _read_arrays(path: Path, further: bool) -> dict[str, NDArray]:
    try:
        with open(path, "rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"points": loaded}
            arrays = {key: loaded[key] for key in loaded.files if further or key in ("points", "sizes", "labels")}
    except Exception as error:  # numpy parses headers with what a damaged one can bring to raise nearly anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: cannot be read as a shard (truncated or damaged?): {reason}") from error
    if "points" not in arrays or not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise DataError(f"{path}: holds no array 'points'")
    return arrays
