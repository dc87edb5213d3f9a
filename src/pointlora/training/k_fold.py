"""Cross-validation instead of a validation split: each label is held out once, and in the end all of them train."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pointlora.recipes.runs import TrainRecipe
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
        fold = replace(recipe, training=training, output=str(Path(recipe.output) / f"fold_{number}"))
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


def _history(path: Path, column: str) -> list[float]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [float(row[column]) for row in csv.DictReader(file)]
