"""Few-shot folds in files: `5way_10shot/0.pkl` and so on, as the public ModelNet40 folds lie, or the same as `.npz`.

Pickles are read without running anything in them. `convert_folds` writes the same clouds as `.npz` files, each of which
is a data set `npz` too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.atomic import write_atomically
from pointlora.data.datasets.fewshot import check_fold_numbers
from pointlora.data.datasets.fold_pickle import read_fold_pickle
from pointlora.data.datasets.npz import NpzDataset
from pointlora.data.datasets.paths import Root, check_root, check_split, first_existing
from pointlora.data.files.limits import check_file
from pointlora.errors import ConfigError, DataError

LAYOUT = "<root>/5way_10shot/0.npz (or 0.pkl) and so on"


class FoldPickle(NpzDataset):
    """A fold's pickle as a data set; see `NpzDataset`."""

    @staticmethod
    def read(path: Path) -> dict[str, NDArray]:
        return read_fold_pickle(path)


def open_fold_file(root: Root, split: str = "train", ways: int = 5, shots: int = 10, fold: int = 0) -> NpzDataset:
    """A part of a fold that lies in a file; `.npz` is preferred to `.pkl`.

    Args:
        root: folder that holds `5way_10shot` and so on, or the folder above it (`ModelNetFewshot`).
        split: `train` is the support, `test` the queries.
        ways: classes per fold.
        shots: support clouds per class.
        fold: number of the fold.

    Raises:
        ConfigError: for an unknown split or a number that makes no sense.
        DataError: if the file isn't there, is damaged, would run code, or holds another number of classes or shots.
    """
    check_split(split, ("train", "test"))
    check_fold_numbers(ways=ways, shots=shots, fold=fold)
    base = check_root("fewshot_files", root, LAYOUT)
    places = [base / f"{ways}way_{shots}shot", base / "ModelNetFewshot" / f"{ways}way_{shots}shot"]
    path = first_existing(
        "fewshot_files", [place / f"{fold}{suffix}" for suffix in (".npz", ".pkl") for place in places], LAYOUT
    )
    kind = FoldPickle if path.suffix == ".pkl" else NpzDataset
    support = kind(path, "train")
    counts = support.class_counts().tolist()
    if len(counts) != ways or set(counts) != {shots}:
        raise DataError(f"{path}: holds {counts} training clouds of its classes, not {shots} of each of {ways}")
    chosen = support if split == "train" else kind(path, "test")
    chosen.name = "fewshot_files"
    return chosen


def convert_folds(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> list[Path]:
    """Convert a fold's pickle, or all of them in a folder and the folders in it, to `.npz`.

    Args:
        source: a `.pkl` file, or a folder.
        target: the `.npz` file, or the folder that gets the same layout. A folder's converted files are kept, so that
            an interrupted conversion goes on.

    Returns:
        the files that are there now.

    Raises:
        DataError: as `read_fold_pickle`; if there is no pickle.
        ConfigError: if the target is there already or has another suffix.
        OSError: if it can't be written.
    """
    origin, goal = Path(source), Path(target)
    if not origin.is_dir():
        check_file(origin)
        if goal.suffix != ".npz":
            raise ConfigError(f"{goal}: a fold is converted to .npz: name it {goal.with_suffix('.npz')}")
        if goal.exists():
            raise ConfigError(f"{goal} already exists: choose another name, or delete it")
        return [_convert(origin, goal)]
    pickles = sorted(origin.rglob("*.pkl"))
    if not pickles:
        raise DataError(f"{origin}: no .pkl file in it; expected {LAYOUT}")
    if goal.exists() and not goal.is_dir():
        raise ConfigError(f"{goal} is a file, but {origin} is a folder: choose a folder")
    goals = [goal / path.relative_to(origin).with_suffix(".npz") for path in pickles]
    return [out if out.exists() else _convert(path, out) for path, out in zip(pickles, goals, strict=True)]


def _convert(path: Path, goal: Path) -> Path:
    arrays: dict[str, Any] = read_fold_pickle(path)
    goal.parent.mkdir(parents=True, exist_ok=True)
    return write_atomically(goal, lambda file: np.savez(file, **arrays))
