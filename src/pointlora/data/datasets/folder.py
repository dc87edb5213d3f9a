"""A folder of point-cloud or mesh files, one sub-folder a class: the form in which most people's own data lies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointlora.data.datasets.files import FilesDataset
from pointlora.data.datasets.paths import Root, check_root, check_split, check_unique
from pointlora.data.datasets.splits import hashed_choice
from pointlora.errors import ConfigError, DataError
from pointlora.names import unknown_name

LAYOUT = "<root>/<class>/<file>, or <root>/train/<class>/<file> and <root>/test/<class>/<file>"
SPLITS = ("train", "validation", "test", "all")


class FolderDataset(FilesDataset):
    """Files in class folders; labels number the sorted folder names.

    With `train/` or `test/` under the root, the split is the folders'. Otherwise each class is split by the hash of its
    file names, so that the same files make the same split on every machine. Names that begin with `.` or `__` are left
    out. The file types are those of `pointlora.data.files`.

    Args:
        root: the folder.
        split: `train`, `test`, `all`, or `validation` where there is a folder of this name.
        test_fraction: share of each class for testing when the folders don't say (a class's last file always trains).
        split_seed: chooses that split.
        class_names: names in label order; None takes the sorted folder names of the training part.
        mesh_samples: points to sample from each mesh.
        cache_megabytes: how much to keep in memory.
        cache: the cache on disk, see `open_dataset`.

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
        mesh_samples: int | None = None,
        cache_megabytes: float = 0.0,
        cache: str = "off",
    ) -> None:
        check_split(split, SPLITS)
        if not 0.0 <= test_fraction < 1.0:
            raise ConfigError(f"test_fraction must be at least 0 and below 1, got {test_fraction}")
        base = check_root("folder", root, LAYOUT)
        if not base.is_dir():
            raise DataError(f"{base}: is a file; data set 'folder' expects {LAYOUT}")
        given = None if class_names is None else check_unique(class_names, "class_names")
        if (base / "train").is_dir() or (base / "test").is_dir():
            names, files = _split_by_folders(base, split, given)
        else:
            names, files = _split_by_hash(base, split, given, test_fraction, split_seed)
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
        )


def _split_by_folders(base: Path, split: str, given: tuple[str, ...] | None) -> tuple[tuple[str, ...], list[list[str]]]:
    present = [name for name in SPLITS if (base / name).is_dir()]
    parts = present if split == "all" else [split]
    for part in parts:
        if part not in present:
            raise DataError(f"{base / part}: no such folder; beside it: {', '.join(present)}")
    # Labels are numbered by the training part, so that a test part with fewer classes numbers them alike.
    names = given or tuple(_class_folders(base / ("train" if "train" in present else parts[0])))
    files: list[list[str]] = [[] for _ in names]
    for part in parts:
        for members, found in zip(files, _files_by_class(base / part, names), strict=True):
            members.extend(found)
    return names, files


def _split_by_hash(
    base: Path, split: str, given: tuple[str, ...] | None, test_fraction: float, seed: int
) -> tuple[tuple[str, ...], list[list[str]]]:
    if split == "validation":
        raise DataError(f"{base / split}: no such folder; without split folders there are train, test and all")
    names = given or tuple(_class_folders(base))
    files = _files_by_class(base, names)
    if split != "all":
        for label, members in enumerate(files):
            is_test = hashed_choice([os.path.basename(path) for path in members], test_fraction, seed)
            files[label] = [path for path, test in zip(members, is_test, strict=True) if test == (split == "test")]
    return names, files


def _class_folders(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and _visible(path.name))
    if not names:
        raise DataError(f"{folder}: holds no class folder; data set 'folder' expects {LAYOUT}")
    return names


def _files_by_class(folder: Path, names: tuple[str, ...]) -> list[list[str]]:
    from pointlora.data.files import SUPPORTED_SUFFIXES

    files: list[list[str]] = [[] for _ in names]
    for class_name in _class_folders(folder):
        if class_name not in names:
            raise DataError(f"{folder / class_name}: {unknown_name('class', class_name, names)}")
        # By strings and scandir: ten times as fast as by Path and stat, and there may be 100,000 files.
        with os.scandir(folder / class_name) as entries:
            members = sorted(
                entry.path
                for entry in entries
                if os.path.splitext(entry.name)[1].lower() in SUPPORTED_SUFFIXES
                and entry.is_file()
                and _visible(entry.name)
            )
        if not members:
            suffixes = ", ".join(sorted(SUPPORTED_SUFFIXES))
            raise DataError(f"{folder / class_name}: holds no point-cloud file ({suffixes}); add some or remove it")
        files[names.index(class_name)] = members
    return files


def _visible(name: str) -> bool:
    return not name.startswith((".", "__"))
