"""Which files of a folder belong to which split and class."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pointlora.data.datasets.folder_entries import SPLITS, add_others, cloud_files, entries, say_others, split_folders
from pointlora.data.datasets.splits import hashed_choice
from pointlora.data.passed_over import PassedOver
from pointlora.errors import DataError
from pointlora.names import unknown_name

LAYOUT = (
    "<root>/<class>/<file>, <root>/train/<class>/<file> and <root>/test/<class>/<file>, or "
    "<root>/<class>/train/<file> and <root>/<class>/test/<file>"
)
_NUMBERED = re.compile(r"(.+)_\d+$")


def class_files(
    base: Path, split: str, given: tuple[str, ...] | None, test_fraction: float, seed: int
) -> tuple[tuple[str, ...], list[list[str]]]:
    """Class names, and the files of each class in a split.

    With split folders, above or below those of the classes, the split is theirs; otherwise it is drawn by the hash of
    the file names. What of the folder isn't read is said on stderr.

    Args:
        base: the folder.
        split: one of `SPLITS`.
        given: class names in label order; None takes the sorted folder names (of the training part).
        test_fraction: share of each class for testing where there are no split folders.
        seed: chooses that split.

    Raises:
        DataError: if the layout isn't there, a folder can't be read, a class has no usable file or is unknown. A class
            that only the training part has is none of these.
    """
    folders = split_folders(base)
    if not folders:
        names = given or tuple(_class_folders(base))
        if _splits_below(base):
            return names, _files_below(base, names, split)
        _check_drawn(base, split)
        return names, [_drawn(members, split, test_fraction, seed) for members in _files_by_class(base, names)]
    # Labels are numbered by the training part, so that a test part with fewer classes numbers them alike.
    names = given or tuple(_class_folders(folders.get("train", next(iter(folders.values())))))
    files: list[list[str]] = [[] for _ in names]
    for part in _parts(base, folders, split):
        found = _files_by_class(part, names, may_lack=part != folders.get("train"))
        files = [[*members, *more] for members, more in zip(files, found, strict=True)]
    say_others(base, {folder.name for folder in folders.values()})
    return names, files


def named_files(
    base: Path, split: str, given: tuple[str, ...] | None, test_fraction: float, seed: int
) -> tuple[tuple[str, ...], list[list[str]]]:
    """`class_files` where files lie side by side and are called `<class>_<number>.<kind>`.

    Raises:
        DataError: for a file of another name, or a class that isn't known.
    """
    folders = split_folders(base)
    first = folders.get("train", next(iter(folders.values()), base))
    names = given or tuple(sorted({_class_of(path) for path in _said_files(first)}))
    if not folders:
        _check_drawn(base, split)
    files: list[list[str]] = [[] for _ in names]
    for part in _parts(base, folders, split) if folders else [base]:
        for path in _said_files(part):
            if _class_of(path) not in names:
                raise DataError(f"{path}: {unknown_name('class', _class_of(path), names)}")
            files[names.index(_class_of(path))].append(path)
    return names, files if folders else [_drawn(members, split, test_fraction, seed) for members in files]


def flat_files(base: Path, split: str, test_fraction: float, seed: int) -> list[str]:
    """The files of a split where no class folders are, by the rules of `class_files`."""
    folders = split_folders(base)
    if not folders:
        _check_drawn(base, split)
        return _drawn(_said_files(base), split, test_fraction, seed)
    say_others(base, {folder.name for folder in folders.values()})
    return [path for part in _parts(base, folders, split) for path in _said_files(part)]


def has_class_folders(base: Path) -> bool:
    """Whether clouds lie in folders of their classes, rather than directly in the split's folder: more of them do."""
    folder = next(iter(split_folders(base).values()), base)
    number = len(cloud_files(folder))
    return not number or sum(map(_count_files, entries(folder))) > number


def _count_files(folder: Path) -> int:
    """Number of clouds in a folder, 0 if it is none or can't be read."""
    try:
        return len(cloud_files(folder)) if folder.is_dir() else 0
    except DataError:
        return 0


def has_split(base: Path, split: str) -> bool:
    """Whether the folders, above or below those of the classes, say which files a split has."""
    return split in split_folders(base) or any(split in folders for folders in _splits_below(base).values())


def _said_files(folder: Path) -> list[str]:
    """`cloud_files`; what else lies there is said on stderr."""
    passed = PassedOver()
    files = cloud_files(folder, passed)
    passed.say(folder)
    return files


def _parts(base: Path, folders: dict[str, Path], split: str) -> list[Path]:
    if split == "all":
        return list(folders.values())
    if split not in folders:
        raise DataError(f"{base / split}: no such folder; beside it: {', '.join(folders)}")
    return [folders[split]]


def _check_drawn(base: Path, split: str) -> None:
    if split == "validation":
        raise DataError(f"{base / split}: no such folder; without split folders the splits are train, test and all")


def _drawn(files: list[str], split: str, test_fraction: float, seed: int) -> list[str]:
    if split == "all":
        return files
    is_test = hashed_choice([os.path.basename(path) for path in files], test_fraction, seed)
    return [path for path, test in zip(files, is_test, strict=True) if test == (split == "test")]


def _class_folders(folder: Path) -> list[str]:
    names = sorted(path.name for path in entries(folder) if path.is_dir())
    if not names:
        raise DataError(f"{folder}: holds no class folder; data set 'folder' expects {LAYOUT}")
    return names


def _files_by_class(folder: Path, names: Sequence[str], may_lack: bool = False) -> list[list[str]]:
    files: list[list[str]] = [[] for _ in names]
    passed, found = PassedOver(), _class_folders(folder)
    for class_name in found:
        files[_label(folder / class_name, names)] = _members(folder / class_name, passed, may_lack)
    add_others(folder, set(found), passed)
    passed.say(folder)
    return files


def _splits_below(base: Path) -> dict[str, dict[str, Path]]:
    """Class -> its split folders, where files lie in those of each class (ModelNet as it is published); else {}."""
    found = {path.name: split_folders(path) for path in entries(base) if path.is_dir() and not cloud_files(path)}
    return {name: folders for name, folders in sorted(found.items()) if folders}


def _files_below(base: Path, names: Sequence[str], split: str) -> list[list[str]]:
    below, passed = _splits_below(base), PassedOver()
    first = next(iter(below))
    if split != "all" and not any(split in folders for folders in below.values()):
        beside = sorted({name for folders in below.values() for name in folders}, key=SPLITS.index)
        raise DataError(f"{base / first / split}: no such folder; beside it: {', '.join(beside)}")
    files: list[list[str]] = [[] for _ in names]
    for class_name in _class_folders(base):
        label = _label(base / class_name, names)
        if class_name not in below:
            raise DataError(f"{base / class_name}: holds neither train/ nor test/, as {first}/ beside it does")
        folders = below[class_name]
        for part in folders if split == "all" else [split] if split in folders else []:
            files[label] += _members(folders[part], passed, may_lack=part != "train")
    passed.say(base / "*" / ("*" if split == "all" else split))
    say_others(base, set(below))
    return files


def _members(folder: Path, passed: PassedOver, may_lack: bool) -> list[str]:
    members = cloud_files(folder, passed)
    if not members and not may_lack:
        from pointlora.data.files import SUPPORTED_SUFFIXES

        suffixes = ", ".join(sorted(SUPPORTED_SUFFIXES))
        raise DataError(f"{folder}: holds no point-cloud file ({suffixes}); add some or remove it")
    return members


def _label(folder: Path, names: Sequence[str]) -> int:
    if folder.name not in names:
        raise DataError(f"{folder}: {unknown_name('class', folder.name, names)}")
    return list(names).index(folder.name)


def _class_of(path: str) -> str:
    name = os.path.basename(path).split(".")[0]
    match = _NUMBERED.match(name)
    if match is None:
        raise DataError(f"{path}: is not called <class>_<number>, such as chair_0001.off; the data set asks for that")
    return match[1]
