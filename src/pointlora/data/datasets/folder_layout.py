"""Which files of a folder belong to which split and class."""

from __future__ import annotations

import os
from pathlib import Path

from pointlora.data.datasets.splits import hashed_choice
from pointlora.errors import DataError
from pointlora.names import unknown_name

LAYOUT = "<root>/<class>/<file>, or <root>/train/<class>/<file> and <root>/test/<class>/<file>"
SPLITS = ("train", "validation", "test", "all")
# Other names of a split's folder.
_ALIASES = {"validation": ("validation", "val")}


def class_files(
    base: Path, split: str, given: tuple[str, ...] | None, test_fraction: float, seed: int
) -> tuple[tuple[str, ...], list[list[str]]]:
    """Class names, and the files of each class in a split.

    With split folders the split is theirs; otherwise it is drawn by the hash of the file names.

    Args:
        base: the folder.
        split: one of `SPLITS`.
        given: class names in label order; None takes the sorted folder names (of the training part).
        test_fraction: share of each class for testing where there are no split folders.
        seed: chooses that split.

    Raises:
        DataError: if the layout isn't there, a folder has no usable file, or its class is unknown.
    """
    folders = split_folders(base)
    if not folders:
        _check_drawn(base, split)
        names = given or tuple(_class_folders(base))
        return names, [_drawn(files, split, test_fraction, seed) for files in _files_by_class(base, names)]
    parts = _parts(base, folders, split)
    # Labels are numbered by the training part, so that a test part with fewer classes numbers them alike.
    names = given or tuple(_class_folders(folders.get("train", parts[0])))
    merged: list[list[str]] = [[] for _ in names]
    for part in parts:
        for members, found in zip(merged, _files_by_class(part, names), strict=True):
            members.extend(found)
    return names, merged


def flat_files(base: Path, split: str, test_fraction: float, seed: int) -> list[str]:
    """The files of a split where no class folders are, by the rules of `class_files`."""
    folders = split_folders(base)
    if not folders:
        _check_drawn(base, split)
        return _drawn(cloud_files(base), split, test_fraction, seed)
    return [path for part in _parts(base, folders, split) for path in cloud_files(part)]


def has_class_folders(base: Path) -> bool:
    """Whether clouds lie in folders of their classes, rather than directly in the split's folder."""
    folders = split_folders(base)
    return not cloud_files(next(iter(folders.values()), base))


def split_folders(base: Path) -> dict[str, Path]:
    """The folders of splits, if there is one for training or testing."""
    found: dict[str, Path] = {}
    for split in SPLITS:
        for name in _ALIASES.get(split, (split,)):
            if (base / name).is_dir():
                found.setdefault(split, base / name)
    return found if "train" in found or "test" in found else {}


def cloud_files(folder: Path) -> list[str]:
    """Point-cloud and mesh files directly in a folder, sorted."""
    from pointlora.data.files import SUPPORTED_SUFFIXES

    # By strings and scandir: ten times as fast as by Path and stat, and there may be 100,000 files.
    with os.scandir(folder) as entries:
        return sorted(
            entry.path
            for entry in entries
            if os.path.splitext(entry.name)[1].lower() in SUPPORTED_SUFFIXES
            and entry.is_file()
            and _visible(entry.name)
        )


def _parts(base: Path, folders: dict[str, Path], split: str) -> list[Path]:
    if split == "all":
        return list(folders.values())
    if split not in folders:
        raise DataError(f"{base / split}: no such folder; beside it: {', '.join(folders)}")
    return [folders[split]]


def _check_drawn(base: Path, split: str) -> None:
    if split == "validation":
        raise DataError(f"{base / split}: no such folder; without split folders there are train, test and all")


def _drawn(files: list[str], split: str, test_fraction: float, seed: int) -> list[str]:
    if split == "all":
        return files
    is_test = hashed_choice([os.path.basename(path) for path in files], test_fraction, seed)
    return [path for path, test in zip(files, is_test, strict=True) if test == (split == "test")]


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
        members = cloud_files(folder / class_name)
        if not members:
            suffixes = ", ".join(sorted(SUPPORTED_SUFFIXES))
            raise DataError(f"{folder / class_name}: holds no point-cloud file ({suffixes}); add some or remove it")
        files[names.index(class_name)] = members
    return files


def _visible(name: str) -> bool:
    return not name.startswith((".", "__"))
