"""A folder of files whose points have labels, with or without one sub-folder per category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_number
from pointlora.data.datasets.folder_entries import SPLITS
from pointlora.data.datasets.folder_layout import class_files, flat_files, has_class_folders
from pointlora.data.datasets.paths import Root, check_root, check_split, check_unique
from pointlora.data.parts.base import PartDataset
from pointlora.data.parts.files import PartFiles, PartFilesDataset
from pointlora.data.parts.space import UNNAMED, PartSpace
from pointlora.data.progress import Progress
from pointlora.errors import ConfigError, DataError

PartNames = Sequence[str] | Mapping[int, str]

LAYOUT = "<root>/<file>, <root>/<category>/<file>, or either in <root>/train/ and <root>/test/"


def open_part_folder(
    root: Root,
    split: str = "train",
    test_fraction: float = 0.2,
    split_seed: int = 0,
    categories: Sequence[str] | None = None,
    part_names: PartNames | None = None,
    label_name: str | None = None,
    label_column: int | None = None,
    cache: str = "off",
    features: Sequence[str] = (),
) -> PartDataset:
    """Labelled clouds in a folder; which column of the files is the label is said on stderr.

    Where the clouds lie in sub-folders (of the root, or of train/ and test/), these are object categories: the network
    is told which one a cloud is of, and predicts that category's parts only. The labels that occur in the files, of
    every split, are the parts, whatever their numbers: no others are trained or counted.

    Args:
        root: the folder.
        split: `train`, `test`, `all`, or `validation` where there is a folder `validation` or `val`.
        test_fraction: share of the files for testing when the folders don't say.
        split_seed: chooses that split.
        categories: names of the categories in label order; None takes the sorted folder names.
        part_names: names of the labels 0, 1, 2, …, or a mapping of label -> name; None calls them by their numbers.
        label_name: name of the column (property, dimension, array) with the labels; by default one whose name says so.
        label_column: its place in a table, from 1 on.
        cache: the cache on disk, see `open_dataset`; all splits share it.
        features: names of what points have beside x, y, z.

    Raises:
        ConfigError: for an unknown split, or a fraction outside [0, 1).
        DataError: if the layout isn't there, a file has no labels, or a label has no name.
    """
    check_split(split, SPLITS)
    check_number("test_fraction", test_fraction, 0, 1, open_high=True)
    base = check_root("folder", root, LAYOUT)
    if not base.is_dir():
        raise DataError(f"{base}: is not a folder; data set 'folder' expects {LAYOUT}")
    names, groups = _groups(base, "all", categories, test_fraction, split_seed)
    wanted = {path for group in _groups(base, split, names or None, test_fraction, split_seed)[1] for path in group}
    paths = [path for group in groups for path in group]
    if not wanted:
        raise DataError(f"{base}: the {split} part is empty; add files or raise test_fraction ({test_fraction})")
    labels = np.array([label for label, group in enumerate(groups) for _ in group], dtype=np.int64)
    files = PartFiles(paths, cache, label_name, label_column, features)
    space = _find_space(files, labels, names, part_names)
    files.say_sources(base)
    every = PartFilesDataset("folder", "all", space, labels, files)
    return every.subset([index for index, path in enumerate(paths) if path in wanted], split)


def _groups(
    base: Path, split: str, categories: Sequence[str] | None, test_fraction: float, seed: int
) -> tuple[tuple[str, ...], list[list[str]]]:
    """Names of the categories, () without any, and the files of each."""
    if not has_class_folders(base):
        return (), [flat_files(base, split, test_fraction, seed)]
    given = None if categories is None else check_unique(categories, "categories")
    return class_files(base, split, given, test_fraction, seed)


def _find_space(
    files: PartFiles, labels: NDArray[np.int64], names: tuple[str, ...], part_names: PartNames | None
) -> PartSpace:
    """The parts that occur, of each category; reads every file once."""
    found: list[set[int]] = [set() for _ in names or ("",)]
    named = _by_number(part_names)
    with Progress("reading the labels of every cloud once", len(labels)) as progress:
        for index in progress.over(range(len(labels))):
            own = set(np.unique(files.labels(index)).tolist())
            nameless = sorted(own - named.keys()) if part_names is not None else []
            if nameless:
                raise DataError(
                    f"{files.source.files[index]}: has label {nameless[-1]}, but there are {len(named)} part names, of "
                    f"{_shown(sorted(named))}; name parts by number, such as {{{nameless[-1]}: name}}"
                )
            found[labels[index]] |= own
    numbers = sorted(set().union(*found))
    taken = {number: named[number] for number in numbers if number in named}
    if len(set(taken.values())) < len(taken):
        raise ConfigError(f"part_names is {taken!r}, but its names must all be different")
    place = {number: part for part, number in enumerate(numbers)}
    # A category without a file, of a given list, has the parts of all.
    parts_of = tuple(tuple(place[number] for number in sorted(own or numbers)) for own in found)
    return PartSpace(
        tuple(named.get(number, UNNAMED.format(number)) for number in numbers), names, parts_of, tuple(numbers)
    )


def _by_number(part_names: PartNames | None) -> dict[int, str]:
    """Number -> name; a list names the numbers from 0 on."""
    if not isinstance(part_names, Mapping):
        part_names = dict(enumerate(part_names or ()))
    try:
        return {int(number): str(name) for number, name in part_names.items()}
    except (TypeError, ValueError) as error:
        raise ConfigError(f"part_names is {part_names!r}, but its keys must be the numbers of labels") from error


def _shown(numbers: Sequence[int]) -> str:
    """The numbers, the last of many left out."""
    return ", ".join(map(str, numbers[:12])) + (", …" if len(numbers) > 12 else "")
