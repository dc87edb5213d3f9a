"""A folder of point-cloud or mesh files, one sub-folder per class: the form in which most people's own data lies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pointlora.checks import check_choice, check_number
from pointlora.data.datasets.files import FilesDataset
from pointlora.data.datasets.folder_entries import SPLITS
from pointlora.data.datasets.folder_layout import LAYOUT, class_files, named_files
from pointlora.data.datasets.paths import Root, check_root, check_split, check_unique
from pointlora.errors import DataError


class FolderDataset(FilesDataset):
    """Files in class folders; labels number the sorted folder names.

    With `train/` or `test/` (`Train/`, `training/`, `testing/`, …) under the root or under each class, the split is the
    folders'. Otherwise each class is split by the hash of its file names, so that the same files make the same split on
    every machine. Names that begin with `.` or `__` are left out; what else isn't read is said on stderr. The file
    types are those of `pointlora.data.files`.

    Args:
        root: the folder.
        split: `train`, `test`, `all`, or `validation` where there is a folder of this name.
        test_fraction: share of each class for testing when the folders don't say (a class's last file always trains).
        split_seed: chooses that split.
        class_names: names in label order; None takes the sorted folder names of the training part.
        class_from: `folder`, or `name` for files side by side that are called `<class>_<number>.<kind>`.
        mesh_samples: points to sample from each mesh.
        cache_megabytes: how much to keep in memory.
        cache: the cache on disk, see `open_dataset`.
        features: names of what points have beside x, y, z.

    Raises:
        ConfigError: for an unknown split or a fraction outside [0, 1).
        DataError: if the layout isn't there, a folder has no usable file, or its class is unknown.
    """

    def __init__(
        self,
        root: Root,
        split: str = "train",
        test_fraction: float = 0.2,
        split_seed: int = 0,
        class_names: Sequence[str] | None = None,
        class_from: str = "folder",
        mesh_samples: int | None = None,
        cache_megabytes: float = 0.0,
        cache: str = "off",
        features: Sequence[str] = (),
    ) -> None:
        check_split(split, SPLITS)
        check_number("test_fraction", test_fraction, 0, 1, open_high=True)
        base = check_root("folder", root, LAYOUT)
        if not base.is_dir():
            raise DataError(f"{base}: is a file; data set 'folder' expects {LAYOUT}")
        given = None if class_names is None else check_unique(class_names, "class_names")
        check_choice("class_from", class_from, ("folder", "name"))
        find = class_files if class_from == "folder" else named_files
        names, files = find(base, split, given, test_fraction, split_seed)
        labels = [label for label, members in enumerate(files) for _ in members]
        if not labels:
            raise DataError(f"{base}: the {split} part is empty; add files or raise test_fraction ({test_fraction})")
        super().__init__(
            "folder",
            split,
            names,
            np.array(labels, dtype=np.int64),
            [path for members in files for path in members],
            mesh_samples=mesh_samples,
            cache_megabytes=cache_megabytes,
            cache=cache,
            features=features,
        )
