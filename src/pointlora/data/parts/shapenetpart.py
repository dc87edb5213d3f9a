"""ShapeNetPart: 16 categories of objects with 50 parts (Yi et al., "A scalable active framework for region annotation
in 3D shape collections", SIGGRAPH Asia 2016), in the form with normals that PointNet++ uses.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np

from pointlora.data.datasets.paths import Root, check_root, check_split, read_lines
from pointlora.data.parts.base import PartDataset
from pointlora.data.parts.files import PartFiles, PartFilesDataset
from pointlora.data.parts.space import PartSpace
from pointlora.errors import DataError
from pointlora.names import unknown_name

LAYOUT = (
    "<root>/synsetoffset2category.txt, train_test_split/shuffled_{train,val,test}_file_list.json and "
    "<synset>/<id>.txt with x y z nx ny nz part"
)
SPLITS = ("train", "validation", "trainval", "test", "all")
_LISTS = {
    "train": ("train",),
    "validation": ("val",),
    "trainval": ("train", "val"),
    "test": ("test",),
    "all": ("train", "val", "test"),
}
# The folder that the public archive unpacks to, looked for under the root too.
_ARCHIVE_FOLDER = "shapenetcore_partanno_segmentation_benchmark_v0_normal"

# Name and number of parts of each category, in the order of its label; parts are numbered through.
_CATEGORIES = {
    "Airplane": 4,
    "Bag": 2,
    "Cap": 2,
    "Car": 4,
    "Chair": 4,
    "Earphone": 3,
    "Guitar": 3,
    "Knife": 2,
    "Lamp": 4,
    "Laptop": 2,
    "Motorbike": 6,
    "Mug": 2,
    "Pistol": 3,
    "Rocket": 3,
    "Skateboard": 3,
    "Table": 3,
}


def shapenetpart_space() -> PartSpace:
    """The 16 categories and 50 parts; a part is named by its category and its number in it."""
    ends = np.cumsum([0, *_CATEGORIES.values()]).tolist()
    parts = tuple(tuple(range(first, end)) for first, end in pairwise(ends))
    names = [f"{name} {number}" for name, count in _CATEGORIES.items() for number in range(count)]
    return PartSpace(tuple(names), tuple(_CATEGORIES), parts)


def open_shapenetpart(root: Root, split: str = "train", cache: str = "off") -> PartDataset:
    """ShapeNetPart on disk.

    Args:
        root: the folder of the archive, or the one above it.
        split: `train`, `validation`, `trainval` (what the papers train on), `test` or `all`.
        cache: the cache on disk, see `open_dataset`; all splits share it.

    Raises:
        ConfigError: for an unknown split.
        DataError: if a list is missing or damaged, or names a category that the data set doesn't have.
    """
    check_split(split, SPLITS)
    base = check_root("shapenetpart", root, LAYOUT)
    if not (base / "synsetoffset2category.txt").is_file() and (base / _ARCHIVE_FOLDER).is_dir():
        base = base / _ARCHIVE_FOLDER
    numbers = _synsets(base / "synsetoffset2category.txt")
    files, categories, wanted = [], [], []
    for name in _LISTS["all"]:
        source = base / "train_test_split" / f"shuffled_{name}_file_list.json"
        for synset, shape in _shapes(source):
            if synset not in numbers:
                raise DataError(f"{source}: {synset}/{shape}: {unknown_name('synset', synset, numbers)}")
            files.append(base / synset / f"{shape}.txt")
            categories.append(numbers[synset])
            wanted.append(name in _LISTS[split])
    labels = np.array(categories, dtype=np.int64)
    read_as = PartFiles(files, cache, label_column=7)
    every = PartFilesDataset("shapenetpart", "all", shapenetpart_space(), labels, read_as)
    return every.subset(np.flatnonzero(wanted), split)


def _synsets(path: Path) -> dict[str, int]:
    """Synset -> number of its category."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; data set 'shapenetpart' expects {LAYOUT}")
    names = list(_CATEGORIES)
    numbers = {}
    for line in read_lines(path):
        words = line.split()
        if len(words) != 2:
            raise DataError(f"{path}: line {line!r} isn't a category and its synset")
        if words[0] not in names:
            raise DataError(f"{path}: {unknown_name('category', words[0], names)}")
        numbers[words[1]] = names.index(words[0])
    return numbers


def _shapes(path: Path) -> list[tuple[str, str]]:
    """(synset, id) of each entry of a list; only the last two parts of an entry's path count."""
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; data set 'shapenetpart' expects {LAYOUT}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a JSON list: {' '.join(str(error).split())}") from error
    if not isinstance(entries, list) or not entries:
        raise DataError(f"{path}: holds no list of shapes")
    found = []
    for entry in entries:
        parts = entry.split("/") if isinstance(entry, str) else []
        if len(parts) < 2 or any(part in ("", ".", "..") for part in parts[-2:]):
            raise DataError(f"{path}: entry {entry!r} isn't the path of a shape, such as shape_data/<synset>/<id>")
        found.append((parts[-2], parts[-1]))
    return found
