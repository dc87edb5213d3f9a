"""Cross-validation instead of a validation split: each label is held out once, and in the end all of them train."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pointlora.data.datasets import PointCloudDataset
from pointlora.recipes.runs import TrainingConfig, TrainRecipe
from pointlora.training.folds import fold_members
from pointlora.training.head_fitting import HeadRows
from pointlora.training.held_out import read_answers
from pointlora.training.run_folder import RunFolder


def held_out_curve(recipe: TrainRecipe, train: Callable[[TrainRecipe], dict[str, Any]]) -> list[float | None]:
    """The mean figure of the held-out folds at the start (None if it wasn't measured) and after each epoch.

    Args:
        recipe: of the whole run; each fold is a run of its own in a folder within its own, finished ones are kept.
        train: does one.
    """
    curves, sizes = [], []
    for number in range(recipe.training.folds):
        training = replace(recipe.training, fold=number, measure_test=False)
        fold = replace(recipe, training=training, output=str(_path(recipe, number)))
        folder = RunFolder(fold)
        results = folder.finished() or train(fold)
        folder.last.unlink(missing_ok=True)
        criterion = f"selection_{recipe.criterion}"
        curves.append([results["start"], *_history(folder.path / "metrics.csv", criterion)])
        sizes.append(results["count"])
    return mean_curve(curves, sizes)


def mean_curve(curves: Sequence[Sequence[float | None]], sizes: Sequence[int]) -> list[float | None]:
    """The mean of curves, weighted by the sizes of the folds; one that ended early keeps its last value."""
    found: list[float | None] = []
    for step in range(max(map(len, curves))):
        values = [curve[min(step, len(curve) - 1)] for curve in curves]
        known = [value * size for value, size in zip(values, sizes, strict=True) if value is not None]
        found.append(sum(known) / sum(sizes) if len(known) == len(values) else None)
    return found


def best_epochs(curve: Sequence[float | None]) -> int:
    """After how many epochs a curve is highest, 0 for its start; the first of equals."""
    known = {number: value for number, value in enumerate(curve) if value is not None}
    return max(known, key=lambda number: (known[number], -number))


def out_of_fold(recipe: TrainRecipe, train: PointCloudDataset, epochs: int, names: Sequence[str]) -> dict[str, Tensor]:
    """What was found of each training cloud by the model that had not seen it, after so many epochs.

    Args:
        recipe: of the whole run, whose folds are finished.
        train: all training clouds.
        epochs: 0 for the start; a fold that ended early gives what it found last.
        names: of the task's answers.

    Returns:
        name -> (n,), as `TrainedModule.answers`.

    Raises:
        ConfigError: if a fold has left no answers, or not all of them.
    """
    joined: dict[str, Tensor] = {}
    for number in range(recipe.training.folds):
        members = torch.from_numpy(fold_members(train, recipe.training.folds, number, recipe.training.seed))
        path = RunFolder(replace(recipe, output=str(_path(recipe, number)))).held_out
        for name, values in read_answers(path, epochs, len(members), names).items():
            joined.setdefault(name, values.new_empty(len(train)))[members] = values
    return joined


class SharedRows:
    """Features that the heads of all folds are fitted to, of one pass through the backbone.

    Args:
        make: computes those of all training clouds, when they are needed first.
        train: the training clouds.
    """

    def __init__(self, make: Callable[[], HeadRows], train: PointCloudDataset) -> None:
        self._make, self._train = make, train
        self._rows: HeadRows | None = None

    def __call__(self, run: TrainingConfig) -> HeadRows:
        """Those of the clouds that a run trains on: all, or all but its fold."""
        if self._rows is None:
            self._rows = self._make()
        if run.fold is None:
            return self._rows
        held = fold_members(self._train, run.folds, run.fold, run.seed)
        return self._rows.of(torch.from_numpy(np.setdiff1d(np.arange(len(self._train)), held)))


def _path(recipe: TrainRecipe, fold: int) -> Path:
    return Path(recipe.output) / f"fold_{fold}"


def _history(path: Path, column: str) -> list[float]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file)]
