"""ModelNet40: CAD models of 40 classes (Wu et al., CVPR 2015), as resampled text files or as HDF5 files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.datasets.files import FilesDataset
from pointlora.data.datasets.hdf5 import Hdf5Dataset
from pointlora.data.datasets.paths import Root, check_root, check_split, check_unique, read_lines
from pointlora.errors import DataError
from pointlora.names import unknown_name

LAYOUT = (
    "<root>/modelnet40_shape_names.txt, modelnet40_{train,test}.txt and <class>/<class>_0001.txt, "
    "or <root>/shape_names.txt, {train,test}_files.txt and ply_data_train0.h5"
)

# The folders that the two public archives unpack to, looked for under the root too.
_ARCHIVE_FOLDERS = ("modelnet40_normal_resampled", "modelnet40_ply_hdf5_2048")


def open_modelnet40(
    root: Root,
    split: str = "train",
    cache_megabytes: float = 0.0,
    cache: str = "off",
    features: Sequence[str] = (),
) -> PointCloudDataset:
    """ModelNet40 in whichever of its two forms lies under `root`: text (10,000 points per cloud) or HDF5 (2048).

    Args:
        root: the folder of the archive, or the one above it.
        split: `train` or `test`.
        cache_megabytes: for the text form, how much to keep in memory (the HDF5 form is in memory whole).
        cache: the cache on disk, see `open_dataset`.
        features: names of what points have beside x, y, z: `nx`, `ny`, `nz` in both forms.

    Raises:
        ConfigError: for an unknown split.
        DataError: if neither form is there, or a list or file is damaged.
    """
    check_split(split, ("train", "test"))
    base = check_root("modelnet40", root, LAYOUT)
    for folder in (base, *(base / name for name in _ARCHIVE_FOLDERS)):
        if (folder / f"modelnet40_{split}.txt").is_file():
            return _open_text(folder, split, cache_megabytes, cache, features)
        if (folder / f"{split}_files.txt").is_file() or list(folder.glob(f"ply_data_{split}*.h5")):
            return _open_hdf5(folder, split, cache, features)
    raise DataError(f"{base}: no ModelNet40 {split} list or file here; expected {LAYOUT}")


def _open_text(
    folder: Path, split: str, cache_megabytes: float, cache: str, features: Sequence[str]
) -> PointCloudDataset:
    class_names = check_unique(read_lines(folder / "modelnet40_shape_names.txt"), folder / "modelnet40_shape_names.txt")
    number = {name: index for index, name in enumerate(class_names)}
    shapes = folder / f"modelnet40_{split}.txt"
    files, labels = [], []
    for line in read_lines(shapes):
        # `night_stand_0012` belongs to `night_stand`: the class is all before the last underscore.
        class_name = line.rpartition("_")[0]
        if class_name not in number:
            raise DataError(f"{shapes}: shape {line!r}: {unknown_name('class', class_name, class_names)}")
        files.append(folder / class_name / f"{line}.txt")
        labels.append(number[class_name])
    return FilesDataset(
        "modelnet40",
        split,
        class_names,
        np.array(labels, dtype=np.int64),
        files,
        cache_megabytes=cache_megabytes,
        cache=cache,
        features=features,
    )


def _open_hdf5(folder: Path, split: str, cache: str, features: Sequence[str]) -> PointCloudDataset:
    listed = folder / f"{split}_files.txt"
    if listed.is_file():
        # The published lists name the files by the path on their author's disk; only the file name counts.
        files = [folder / line.replace("\\", "/").rpartition("/")[2] for line in read_lines(listed)]
    else:
        files = sorted(folder.glob(f"ply_data_{split}*.h5"), key=lambda path: (len(path.name), path.name))
    names = folder / "shape_names.txt"
    class_names = check_unique(read_lines(names), names)
    return Hdf5Dataset("modelnet40", split, class_names, files, cache, features)
