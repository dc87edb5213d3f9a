"""What lies in a folder: clouds, the folders of splits, and what isn't read."""

from __future__ import annotations

import os
from pathlib import Path

from pointlora.data.passed_over import PassedOver, is_visible
from pointlora.errors import DataError

SPLITS = ("train", "validation", "test", "all")
# What a split's folder may be called, in any case.
_ALIASES = {
    "train": ("train", "training"),
    "validation": ("validation", "val"),
    "test": ("test", "testing"),
    "all": ("all",),
}
_PLAIN = ("train", "validation", "val", "test", "all")


def split_folders(base: Path) -> dict[str, Path]:
    """The folders of splits, if there is one for training or testing; of two for one split, the better known name.

    A class may be called Train too: names other than `train`, `validation`, `val`, `test` and `all` count where there
    are both training and testing, or where they hold no file themselves, but folders.
    """
    by_name = {path.name: path for path in sorted(entries(base), reverse=True) if path.is_dir()}
    found = {
        split: by_name[name]
        for split, names in _ALIASES.items()
        for name in reversed(names)
        if name in by_name and name in _PLAIN
    }
    folded = {name.lower(): path for name, path in by_name.items()}
    others = {
        split: folded[name]
        for split, names in _ALIASES.items()
        for name in reversed(names)
        if split not in found and name in folded
    }
    if {"train", "test"} <= found.keys() | others.keys() or all(map(_holds_folders_alone, others.values())):
        found |= others
    found = {split: found[split] for split in SPLITS if split in found}
    return found if "train" in found or "test" in found else {}


def _holds_folders_alone(folder: Path) -> bool:
    return not cloud_files(folder) and any(path.is_dir() for path in entries(folder))


def cloud_files(folder: Path, passed: PassedOver | None = None) -> list[str]:
    """Point-cloud and mesh files directly in a folder, sorted; `passed` takes what else lies there.

    Raises:
        DataError: if the folder can't be read.
    """
    from pointlora.data.files import SUPPORTED_SUFFIXES, is_supported

    files: list[str] = []
    others: list[str] = []
    # By strings and scandir: ten times as fast as by Path and stat, and there may be 100,000 files.
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if is_visible(entry.name):
                    known = os.path.splitext(entry.name)[1].lower() in SUPPORTED_SUFFIXES
                    good = (known or is_supported(Path(entry.name))) and _is_file(entry)
                    (files if good else others).append(entry.path)
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}") from error
    if passed is not None:
        for path in sorted(others):
            if os.path.isdir(path):
                passed.add("folder that isn't searched", path)
            else:
                passed.add_entry(path)
    return sorted(files)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # links in a circle lead nowhere
        return False


def entries(folder: Path) -> list[Path]:
    """What is visible in a folder.

    Raises:
        DataError: if it can't be read.
    """
    try:
        return [path for path in folder.iterdir() if is_visible(path.name)]
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}") from error


def add_others(folder: Path, known: set[str], passed: PassedOver) -> None:
    """What lies beside folders that are searched."""
    from pointlora.data.files import is_supported

    for path in sorted(entries(folder)):
        if path.name in known:
            continue
        if path.is_dir():
            passed.add("folder that isn't searched", str(path))
        elif is_supported(path) and path.is_file():
            passed.add("file beside the folders that are searched", str(path))
        else:
            passed.add_entry(str(path))


def say_others(folder: Path, known: set[str]) -> None:
    passed = PassedOver()
    add_others(folder, known, passed)
    passed.say(folder)
