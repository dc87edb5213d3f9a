"""A data set whose every cloud is a file of its own, read when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.datasets.base import PointCloudDataset
from pointlora.errors import ConfigError


class FilesDataset(PointCloudDataset):
    """Clouds read one by one through `pointlora.data.files.read_point_cloud`, with a bounded cache.

    The cache keeps what it gets first and never evicts: epochs visit every cloud once in a new order, and there
    "least recently used" would throw clouds away shortly before they are needed again. Each loader worker has its own.

    Args:
        name, split, class_names, labels: see `PointCloudDataset`.
        files: one path a cloud.
        mesh_samples: points to sample from a mesh, by area, with seed 0; None is the reader's own default.
        cache_megabytes: size of the cache; 0 is none.
    """

    def __init__(
        self,
        name: str,
        split: str,
        class_names: Sequence[str],
        labels: NDArray[np.int64],
        files: Sequence[Path],
        mesh_samples: int | None = None,
        cache_megabytes: float = 0.0,
    ) -> None:
        if cache_megabytes < 0:
            raise ConfigError(f"cache_megabytes must be at least 0, got {cache_megabytes}")
        if mesh_samples is not None and mesh_samples < 1:
            raise ConfigError(f"mesh_samples must be at least 1, got {mesh_samples}")
        super().__init__(name, split, class_names, labels, [str(path) for path in files])
        self.files = list(files)
        self.mesh_samples = mesh_samples
        self._room = int(cache_megabytes * 1e6)
        self._cache: dict[int, NDArray[np.float32]] = {}

    def cloud(self, index: int) -> NDArray[np.float32]:
        cached = self._cache.get(index)
        if cached is not None:
            return cached
        points = self._read(index)
        if points.nbytes <= self._room:
            self._room -= points.nbytes
            self._cache[index] = points
        return points

    def _read(self, index: int) -> NDArray[np.float32]:
        from pointlora.data.files import read_point_cloud

        cloud = read_point_cloud(self.files[index], num_samples=self.mesh_samples, seed=0)
        return np.ascontiguousarray(cloud.points, dtype=np.float32)
