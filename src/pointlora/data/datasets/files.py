"""A data set whose every cloud is a file of its own, read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_integer, check_number
from pointlora.data.cache import CloudSource, open_cache
from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.feature_names import AUTOMATIC_GROUPS
from pointlora.data.notices import say_of_cloud
from pointlora.data.progress import Progress


class FilesDataset(PointCloudDataset):
    """Clouds read one by one through `pointlora.data.files.read_point_cloud`, with a bounded cache.

    The cache keeps what it gets first and never evicts: epochs visit every cloud once in a new order, and there
    "least recently used" would throw clouds away shortly before they are needed again. Each loader worker has its own.

    Args:
        name, split, class_names, labels: see `PointCloudDataset`.
        files: one path a cloud.
        mesh_samples: points to sample from a mesh, by area, with seed 0; None is the reader's own default.
        cache_megabytes: size of the cache in memory; 0 is none.
        cache: the cache on disk, see `pointlora.data.cache.open_cache`; with one, nothing is kept in memory.
        features: names of what points have beside x, y, z, see `channel_names`.
    """

    def __init__(
        self,
        name: str,
        split: str,
        class_names: Sequence[str],
        labels: NDArray[np.int64],
        files: Sequence[str | Path],
        mesh_samples: int | None = None,
        cache_megabytes: float = 0.0,
        cache: str = "off",
        features: Sequence[str] = (),
    ) -> None:
        check_number("cache_megabytes", cache_megabytes, 0)
        if mesh_samples is not None:
            check_integer("mesh_samples", mesh_samples, 1)
        super().__init__(name, split, class_names, labels, [str(path) for path in files])
        self.source = FilesSource(self.sources, mesh_samples, features)
        self._room = int(cache_megabytes * 1e6)
        self._cache: dict[int, NDArray[np.float32]] = {}
        self._disk = open_cache(self.source, cache)

    def cloud(self, index: int) -> NDArray[np.float32]:
        if self._disk is not None:
            return self._disk.cloud(index)
        cached = self._cache.get(index)
        if cached is not None:
            return cached
        points = self.source.cloud(index)
        if points.nbytes <= self._room:
            self._room -= points.nbytes
            self._cache[index] = points
        return points

    def checked_sizes(self) -> NDArray[np.int64] | None:
        return None if self._disk is None else self._disk.sizes

    def automatic_features(self) -> tuple[str, ...]:
        return shared_features(self.sources)


def shared_features(files: Sequence[str]) -> tuple[str, ...]:
    """What `data.features: auto` takes of files: colours, normals, intensities and returns that all of them have,
    unless they are the same at every point.

    Raises:
        DataError: if a file can't be read.
    """
    from pointlora.data.files import features_of_file

    shared: dict[str, tuple[float, float]] = {}
    with Progress("looking for features that all files have", len(files)) as progress:
        for number, path in enumerate(progress.over(files)):
            found = features_of_file(path)
            known = shared if number else found
            shared = {
                name: (min(low, found[name][0]), max(high, found[name][1]))
                for name, (low, high) in known.items()
                if name in found
            }
            if not shared:
                break
    return telling_features(shared)


def telling_features(ranges: Mapping[str, tuple[float, float]]) -> tuple[str, ...]:
    """Names of those features whose least and largest value differ, or those of one that belongs to the same three."""
    found: list[str] = []
    for group in AUTOMATIC_GROUPS:
        if all(name in ranges for name in group) and any(ranges[name][0] < ranges[name][1] for name in group):
            found += group
    return tuple(found)


class FilesSource(CloudSource):
    """Clouds in files of their own, for `pointlora.data.cache`.

    Args:
        files: one path a cloud.
        mesh_samples, features: see `FilesDataset`.
    """

    reader = "files 2"

    def __init__(self, files: Sequence[str], mesh_samples: int | None, features: Sequence[str] = ()) -> None:
        self.files = files
        self.options: dict[str, Any] = {"mesh_samples": mesh_samples}
        self.features = tuple(features)
        if self.features:
            self.options["features"] = list(self.features)

    def cloud(self, index: int) -> NDArray[np.float32]:
        """Read one file to (N, 3), or (N, 3 + F) with features."""
        from pointlora.data.files import FeatureChoice, read_point_cloud

        features = FeatureChoice(self.features) if self.features else None
        cloud = read_point_cloud(self.files[index], self.options["mesh_samples"], seed=0, features=features)
        say_of_cloud(cloud)
        return np.ascontiguousarray(cloud.featured, dtype=np.float32)

    def read(self) -> Iterator[tuple[NDArray[np.float32], int]]:
        return ((self.cloud(index), -1) for index in range(len(self.files)))

    def describe(self, index: int) -> str:
        return self.files[index]
