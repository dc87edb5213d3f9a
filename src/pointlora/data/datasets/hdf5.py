"""Clouds in HDF5 files: `data` (n, N, 3) and `label` (n,) or (n, 1), as ScanObjectNN and ModelNet40 are published.

Features are further arrays: `normal` (n, N, 3), `color` (n, N, 3), or others (n, N).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.data.cache import CloudSource, open_cache
from pointlora.data.datasets.array_features import array_features, automatic_array_features
from pointlora.data.datasets.arrays import check_clouds, check_labels
from pointlora.data.datasets.base import PointCloudDataset
from pointlora.errors import DataError

_SMALL = 1 << 28  # bytes: arrays below this are read whatever the file's size
_MAX_COMPRESSION = 200  # a file that claims to unpack to more than this many times its size is damaged or hostile
_CHUNK = 1 << 24  # bytes read at a time


class Hdf5Dataset(PointCloudDataset):
    """The clouds of one or more HDF5 files, from the cache, or else in memory (ScanObjectNN's largest file is 280 MB).

    Raises:
        DataError: if a file is damaged or holds other arrays than expected.
    """

    def __init__(
        self,
        name: str,
        split: str,
        class_names: Sequence[str],
        files: Sequence[Path],
        cache: str = "off",
        features: Sequence[str] = (),
    ) -> None:
        source = Hdf5Source([str(path) for path in files], len(class_names), features)
        self._source = source
        self._disk = open_cache(source, cache)
        self._clouds: list[NDArray[np.float32]] = []
        if self._disk is not None:
            labels = self._disk.labels
        else:
            read = list(source.read())
            self._clouds, labels = [cloud for cloud, _ in read], np.array([label for _, label in read])
        super().__init__(name, split, class_names, labels, _Sources(source, len(labels)))

    def cloud(self, index: int) -> NDArray[np.float32]:
        return self._clouds[index] if self._disk is None else self._disk.cloud(index)

    def automatic_features(self) -> tuple[str, ...]:
        found = [automatic_hdf5_features(Path(path)) for path in self._source.files]
        return tuple(name for name in found[0] if all(name in others for others in found))

    def checked_sizes(self) -> NDArray[np.int64]:
        if self._disk is not None:
            return self._disk.sizes
        return np.array([len(cloud) for cloud in self._clouds], dtype=np.int64)


class Hdf5Source(CloudSource):
    """HDF5 files, for `pointlora.data.cache`.

    Args:
        files: paths.
        num_classes: labels lie below it.
        features: names of what points have beside x, y, z.
    """

    reader = "hdf5 1"

    def __init__(self, files: Sequence[str], num_classes: int, features: Sequence[str] = ()) -> None:
        self.files, self.features = files, tuple(features)
        self.options: dict[str, Any] = {"num_classes": num_classes}
        if self.features:
            self.options["features"] = list(self.features)
        self._counts: list[int] = []

    def read(self) -> Iterator[tuple[NDArray[np.float32], int]]:
        for path in self.files:
            for points, labels in read_hdf5(Path(path), self.options["num_classes"], self.features):
                yield from zip(points, labels.tolist(), strict=True)

    def describe(self, index: int) -> str:
        if len(self.files) == 1:
            return f"{self.files[0]}[{index}]"
        if not self._counts:
            self._counts = [count_hdf5(Path(path)) for path in self.files]
        for path, count in zip(self.files, self._counts, strict=True):
            if index < count:
                return f"{path}[{index}]"
            index -= count
        raise IndexError(index)


class _Sources(Sequence[str]):
    """`file.h5[3]` and so on, made as they are asked for."""

    def __init__(self, source: Hdf5Source, size: int) -> None:
        self.source, self.size = source, size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        return self.source.describe(range(self.size)[index])


def read_hdf5(
    path: Path, num_classes: int, features: Sequence[str] = ()
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    """Read `data` as (n, N, 3) float32, wider with features, and `label` as (n,) int64, some clouds at a time.

    Raises:
        DataError: if the file is missing, truncated, or holds something else.
    """
    with _opened(path) as file:
        data, labels = (_find_array(file, key, path) for key in ("data", "label"))
        if data.ndim != 3 or 0 in data.shape:
            check_clouds(np.asarray(data[()]), f"{path}: array 'data'")  # raises
        count = len(data)
        checked = check_labels(np.asarray(labels[()]), count, num_classes, f"{path}: array 'label'")
        further = array_features(_further(file, path), data.shape[:2], features, str(path)) if features else None
        step = max(1, _CHUNK * count // data.nbytes)
        for start in range(0, count, step):
            points = np.asarray(data[start : start + step])
            check_clouds(points, f"{path}: array 'data'", start)
            points = points.astype(np.float32, copy=False)
            if further is not None:
                points = np.concatenate([points, further[start : start + step]], -1)
            yield points, checked[start : start + step]


def automatic_hdf5_features(path: Path) -> tuple[str, ...]:
    """What `data.features: auto` takes of a file.

    Raises:
        DataError: as `read_hdf5` does.
    """
    with _opened(path) as file:
        return automatic_array_features(_further(file, path), _find_array(file, "data", path).shape[:2])


def _further(file: Any, path: Path) -> dict[str, Any]:
    """Arrays of numbers beside `data` and `label`, which are read when they are asked for."""
    import h5py

    names = [name for name in file if name not in ("data", "label") and isinstance(file[name], h5py.Dataset)]
    return {name: _find_array(file, name, path) for name in names if file[name].dtype.kind in "iuf"}


def count_hdf5(path: Path) -> int:
    """Clouds in a file.

    Raises:
        DataError: as `read_hdf5` does.
    """
    with _opened(path) as file:
        return int(_find_array(file, "data", path).shape[0])


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        import h5py
    except ImportError as error:
        raise DataError(
            f"{path}: reading HDF5 needs h5py: in a clone of the repository, pip install '.[io]'"
        ) from error
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DataError:
        raise
    except Exception as error:  # h5py passes on what its C library finds as one of many types
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: cannot be read as HDF5 (truncated or damaged?): {reason}") from error


def _find_array(file: Any, key: str, path: Path) -> Any:
    import h5py

    if key not in file or not isinstance(file[key], h5py.Dataset):
        raise DataError(f"{path}: no array {key!r}; it holds: {', '.join(sorted(file)) or 'nothing'}")
    array = file[key]
    if array.dtype.kind not in "iuf":
        raise DataError(f"{path}: array {key!r} has dtype {array.dtype}; numbers are expected")
    limit = max(_SMALL, _MAX_COMPRESSION * path.stat().st_size)
    if array.nbytes > limit:
        raise DataError(f"{path}: array {key!r} claims {array.nbytes} bytes, too many for a file of this size")
    return array
