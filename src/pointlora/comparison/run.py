"""A comparison of tuning methods: search, runs with every seed, and their results. Nothing here imports torch.

DIR/comparison.yaml         the recipe
DIR/<label>/search_<n>_…/   runs that choose a setting on the validation split; the test set stays closed
DIR/<label>/seed_<n>/       runs that are measured on the test set
DIR/<label>/labels_<k>/…    both kinds with k labels of each class, for learning curves
DIR/comparison.{json,...}   the table, written by `pointlora.reports.comparison`
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any

from pointlora.atomic import is_leftover, write_text_atomically
from pointlora.comparison.cells import (
    Progress,
    Say,
    check_cells,
    finish_cells,
    precision_of_cell,
    receive,
    start,
)
from pointlora.comparison.plan import Cell, candidates, cell_recipe, check_plan, search_cells, seed_cells
from pointlora.comparison.versions import read_recorded, settle_weights
from pointlora.errors import ConfigError
from pointlora.recipes.comparison import CompareRecipe
from pointlora.recipes.files import from_mapping, to_mapping, write_yaml
from pointlora.training.run_folder import recipe_changes, recorded_precision

RECIPE_FILE = "comparison.yaml"


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        recipe: of the comparison.
        runs: those that were measured on the test set, with their results: label after label, the fewest labels of each
            class first, seed after seed.
        searched: those of the search, with theirs.
    """

    recipe: CompareRecipe
    runs: Sequence[tuple[Cell, dict[str, Any]]]
    searched: Sequence[tuple[Cell, dict[str, Any]]]

    @property
    def title(self) -> str:
        """Model and data."""
        return f"{self.recipe.model.name} on {self.recipe.data.name}"

    def measured_runs(self) -> list[dict[str, Any]]:
        """Results of the runs that were measured, each with its `label`, `labels_per_class` (a number, `all`, or None
        without learning curves) and the `settings` that were chosen for it."""
        return [_named(cell, results) for cell, results in self.runs]

    def search_runs(self) -> list[dict[str, Any]]:
        """The same of the runs of the search, with the settings that each tried."""
        return [_named(cell, results) for cell, results in self.searched]


def _named(cell: Cell, results: Mapping[str, Any]) -> dict[str, Any]:
    named = {"label": cell.label, "labels_per_class": cell.labels, "settings": dict(cell.settings)}
    return {**results, **named}


def run_comparison(recipe: CompareRecipe, say: Say | None = None) -> Comparison:
    """Run what isn't there yet, from where it was interrupted, to the results of an uninterrupted comparison.

    Processes are started, so a script must call this under `if __name__ == "__main__":`.

    Args:
        recipe: what to compare.
        say: takes lines of progress; by default they go to stderr.

    Raises:
        ConfigError: for wrong settings, or a folder with another comparison or other files.
        PointLoraError, OSError: what a run raises, after its name.
    """
    check_plan(recipe)
    recipe = settle_weights(settle_precision(recipe, say), Path(recipe.output) / RECIPE_FILE)
    check_folder(recipe)
    search = search_cells(recipe)
    runs = seed_cells(recipe, {})
    counts = f" with {len(recipe.labels_per_class)} numbers of labels" * bool(recipe.labels_per_class)
    progress = Progress(len(search) + len(runs), say)
    progress.say(
        f"comparing {len(recipe.methods)} methods{counts}, {len(runs)} runs and {len(search)} to choose settings"
    )
    check_cells(first_cells(runs), recipe.jobs)
    write_recipe(recipe)
    searched = finish_cells(search, recipe.jobs, progress)
    runs = seed_cells(recipe, choose(search, searched))
    results = finish_cells(runs, recipe.jobs, progress)
    return Comparison(recipe, list(zip(runs, results, strict=True)), list(zip(search, searched, strict=True)))


def first_cells(runs: Sequence[Cell]) -> list[Cell]:
    """Every method once, as it will be run, and one method with every number of labels, without those that have begun.

    What doesn't fit the model or the data fails before hours have gone by. The fewest labels are the hardest.

    Args:
        runs: those of `seed_cells`, the fewest labels of a method first.
    """
    waiting = [cell for cell in runs if not _begun(cell)]
    methods = {cell.label: cell for cell in reversed(waiting)}
    counts = {cell.labels: cell for cell in reversed(waiting)}
    wanted = [id(cell) for cell in (*methods.values(), *counts.values())]
    return [cell for cell in waiting if id(cell) in wanted]


def settle_precision(recipe: CompareRecipe, say: Say | None = None) -> CompareRecipe:
    """The comparison with 32 or bf16 in place of `auto`, so that all of its runs take the same, on whatever machine.

    Raises:
        ConfigError: if the device isn't there, or the folder's recipe is damaged.
    """
    if recipe.training.precision != "auto":
        return recipe
    precision, reason = recorded_precision(Path(recipe.output) / RECIPE_FILE), "as this comparison began"
    if precision is None:
        first = seed_cells(recipe, {})[0]
        precision = receive(*start(precision_of_cell, first.recipe, None, 0), first)
        reason = "this machine computes in bf16" if precision == "bf16" else "this machine would emulate bf16"
    Progress(0, say).say(f"training.precision auto: {precision} ({reason})")
    return replace(recipe, training=replace(recipe.training, precision=precision))


def choose(cells: Sequence[Cell], results: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """For each `Cell.group` the settings with the highest mean figure on the validation splits; the first of equals."""
    tried: dict[str, list[tuple[Mapping[str, Any], list[float]]]] = {}
    for cell, found in zip(cells, results, strict=True):
        candidates = tried.setdefault(cell.group, [])
        if not candidates or candidates[-1][0] != cell.settings:
            candidates.append((cell.settings, []))
        candidates[-1][1].append(float(found[f"selection_{cell.recipe.criterion}"]))
    return {group: max(found, key=lambda one: mean(one[1]))[0] for group, found in tried.items()}


def check_folder(recipe: CompareRecipe) -> None:
    """A comparison's folder is new, or holds the same one. Writes nothing.

    Methods, seeds and numbers of labels may be added or left out.

    Raises:
        ConfigError: if it holds a comparison with other settings, or other files.
    """
    folder = Path(recipe.output)
    path = folder / RECIPE_FILE
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file: choose another --output")
    if path.is_file():
        before = {**read_recorded(path), "plugins": []}  # those of `recipe` are loaded
        _check_same(recipe, from_mapping(CompareRecipe, before, f"{path}: "), folder)
    elif folder.is_dir() and not all(map(is_leftover, folder.iterdir())):
        raise ConfigError(f"{folder} is not empty and holds no comparison: choose another --output")


def write_recipe(recipe: CompareRecipe) -> None:
    """Make the comparison's folder with its recipe.

    Raises:
        OSError: if it can't be written.
    """
    folder = Path(recipe.output)
    folder.mkdir(parents=True, exist_ok=True)
    write_text_atomically(folder / RECIPE_FILE, write_yaml(to_mapping(recipe)))


def _check_same(recipe: CompareRecipe, before: CompareRecipe, folder: Path) -> None:
    for label in recipe.methods:
        if label in before.methods:
            old, new = (_as_settings(found, label) for found in (before, recipe))
            for key, was, now in recipe_changes(old, new):
                raise ConfigError(
                    f"{folder} holds a comparison with {key} = {was!r} for {label}, not {now!r}: "
                    "use the same settings to go on with it, or choose another --output"
                )


def _as_settings(recipe: CompareRecipe, label: str) -> dict[str, Any]:
    """Everything that decides a method's results but the seeds."""
    grid = candidates(recipe, label)
    mapping = to_mapping(cell_recipe(recipe, label, "", {}))
    mapping["search"] = grid if len(grid) > 1 or grid[0] else None
    if len(grid) > 1:
        mapping |= {"search_seeds": recipe.search_seeds, "search_epochs": recipe.search_epochs}
    return mapping


def _begun(cell: Cell) -> bool:
    """Whether a run of the same method with as many labels has begun."""
    folder = Path(cell.recipe.output).parent
    return any(path.is_file() for path in folder.glob("*/config.yaml"))
