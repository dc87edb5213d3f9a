"""Clouds in HDF5 files: `data` (n, N, 3) and `label` (n,) or (n, 1), as ScanObjectNN and ModelNet40 are published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.data.datasets.arrays import check_clouds, check_labels
from pointlora.data.datasets.base import PointCloudDataset
from pointlora.errors import DataError

_SMALL = 1 << 28  # bytes: arrays below this are read whatever the file's size
_MAX_COMPRESSION = 200  # a file that claims to unpack to more than this many times its size is damaged or hostile


class Hdf5Dataset(PointCloudDataset):
    """The clouds of one or more HDF5 files, read whole at the start (ScanObjectNN's largest file is 280 MB).

    Raises:
        DataError: if a file is damaged or holds other arrays than expected.
    """

    def __init__(self, name: str, split: str, class_names: Sequence[str], files: Sequence[Path]) -> None:
        parts = [read_hdf5(path, len(class_names)) for path in files]
        labels = np.concatenate([labels for _, labels in parts])
        sources = [
            f"{path}[{index}]" for path, (points, _) in zip(files, parts, strict=True) for index in range(len(points))
        ]
        super().__init__(name, split, class_names, labels, sources)
        self._clouds = [cloud for points, _ in parts for cloud in points]

    def cloud(self, index: int) -> NDArray[np.float32]:
        return self._clouds[index]


def read_hdf5(path: Path, num_classes: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Read `data` as (n, N, 3) float32 and `label` as (n,) int64.

    Raises:
        DataError: if the file is missing, truncated, or holds something else.
    """
    try:
        import h5py
    except ImportError as error:
        raise DataError(f"{path}: reading HDF5 needs h5py; install it with: pip install 'pointlora[io]'") from error
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        with h5py.File(path, "r") as file:
            points, labels = (_read_array(h5py, file, key, path) for key in ("data", "label"))
    except DataError:
        raise
    except Exception as error:  # h5py passes on what its C library finds as one of many types
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: cannot be read as HDF5 (truncated or damaged?): {reason}") from error
    check_clouds(points, f"{path}: array 'data'")
    return points.astype(np.float32, copy=False), check_labels(
        labels, len(points), num_classes, f"{path}: array 'label'"
    )


def _read_array(h5py: Any, file: Any, key: str, path: Path) -> NDArray:
    if key not in file or not isinstance(file[key], h5py.Dataset):
        raise DataError(f"{path}: no array {key!r}; it holds: {', '.join(sorted(file)) or 'nothing'}")
    array = file[key]
    if array.dtype.kind not in "iuf":
        raise DataError(f"{path}: array {key!r} has dtype {array.dtype}; numbers are expected")
    limit = max(_SMALL, _MAX_COMPRESSION * path.stat().st_size)
    if array.nbytes > limit:
        raise DataError(f"{path}: array {key!r} claims {array.nbytes} bytes, too many for a file of this size")
    return np.asarray(array[()])
