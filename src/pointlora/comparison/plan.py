"""The runs of a comparison, as recipes. Nothing here imports torch."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pointlora.errors import ConfigError
from pointlora.recipes.comparison import OWN_SECTIONS, CompareRecipe
from pointlora.recipes.files import from_mapping, to_mapping
from pointlora.recipes.label_counts import ALL, LABELS_FOLDER
from pointlora.recipes.method import method_config
from pointlora.recipes.runs import TrainRecipe


@dataclass(frozen=True)
class Cell:
    """One run of a comparison.

    Attributes:
        label: of the method.
        labels: of each class to train on, a number or `all`; None where the comparison has only one number of them.
        title: what is different about this run among those of the method, for people.
        recipe: all of it; `recipe.output` is its folder.
        settings: the values that a search tries or has chosen, by dotted name.
    """

    label: str
    title: str
    recipe: TrainRecipe
    settings: Mapping[str, Any] = field(default_factory=dict)
    labels: int | str | None = None

    @property
    def group(self) -> str:
        """What the runs share that a search chooses settings for: the label, and the number of labels."""
        return group_name(self.label, self.labels)

    @property
    def name(self) -> str:
        """Group and title."""
        return f"{self.group}, {self.title}"

    @property
    def log(self) -> Path:
        """File beside the run's folder that takes what the run prints."""
        return Path(f"{self.recipe.output}.log")


def check_plan(recipe: CompareRecipe) -> None:
    """Make every recipe once, so that no wrong setting is found after hours.

    Raises:
        ConfigError: naming the label and the setting.
    """
    search_cells(recipe)
    for label in recipe.methods:
        for settings in candidates(recipe, label):
            cell_recipe(recipe, label, "", settings)


def group_name(label: str, labels: int | str | None) -> str:
    """A method with a number of labels, for people."""
    return label if labels is None else f"{label}, labels {labels}"


def label_counts(recipe: CompareRecipe) -> Sequence[int | str | None]:
    """The numbers of labels that every method runs with; [None] where there is only one."""
    return recipe.labels_per_class or [None]


def search_cells(recipe: CompareRecipe) -> list[Cell]:
    """The runs of the search, method after method; none for a method that has nothing to choose.

    Settings are chosen for each number of labels by itself: with few labels no more may be known than these tell.
    """
    cells = []
    recipe.base  # noqa: B018  # refuses a comparison without methods
    for label, labels in itertools.product(recipe.methods, label_counts(recipe)):
        grid = candidates(recipe, label)
        for number, settings in enumerate(grid if len(grid) > 1 else []):
            tried = ", ".join(f"{key}={value}" for key, value in settings.items())
            epochs = {} if recipe.search_epochs is None else {"training.epochs": recipe.search_epochs}
            for seed in recipe.search_seeds:
                fixed = {"training.seed": seed, "training.measure_test": False}
                changes = {**epochs, **settings, **fixed}
                made = cell_recipe(recipe, label, f"search_{number}_seed_{seed}", changes, labels)
                if made.optimizer.warmup_epochs >= made.training.epochs:
                    raise ConfigError(
                        f"methods.{label}: search_epochs is {made.training.epochs}, but optimizer.warmup_epochs is "
                        f"{made.optimizer.warmup_epochs}: a search must be longer than the warm-up"
                    )
                cells.append(Cell(label, f"search {tried}, seed {seed}", made, settings, labels))
    return cells


def seed_cells(
    recipe: CompareRecipe, chosen: Mapping[str, Mapping[str, Any]], only: list[str] | None = None
) -> list[Cell]:
    """The runs that are measured on the test set.

    Args:
        recipe: of the comparison.
        chosen: `Cell.group` -> the settings that its search has chosen.
        only: which methods; by default all.
    """
    cells = []
    for label, labels in itertools.product(recipe.methods if only is None else only, label_counts(recipe)):
        grid = candidates(recipe, label)
        settings = chosen.get(group_name(label, labels)) or grid[0]
        for seed in recipe.seeds:
            made = cell_recipe(recipe, label, f"seed_{seed}", {**settings, "training.seed": seed}, labels)
            cells.append(Cell(label, f"seed {seed}", made, settings, labels))
    return cells


def candidates(recipe: CompareRecipe, label: str) -> list[dict[str, Any]]:
    """All combinations of the values that a search tries for a method; [{}] where there is nothing to search."""
    method = recipe.methods[label]
    if "search" in method:
        search = method["search"]
    else:
        search = {key: values for key, values in recipe.search.items() if not _sets_itself(method, key)}
    return [dict(zip(search, values, strict=True)) for values in itertools.product(*search.values())]


def cell_recipe(
    recipe: CompareRecipe,
    label: str,
    folder: str,
    changes: Mapping[str, Any],
    labels: int | str | None = None,
) -> TrainRecipe:
    """The recipe of one run: the base, then what is the method's own, then `changes` by dotted name.

    With all labels it is the run of a comparison without learning curves, and lies where that one would.

    Raises:
        ConfigError: naming the label and the setting.
    """
    base = to_mapping(recipe)
    method = dict(base["methods"][label])
    mapping: dict[str, Any] = {section: base[section] for section in ("task", "data", "plugins", *OWN_SECTIONS)}
    method.pop("search", None)
    for section in OWN_SECTIONS:
        mapping[section] |= method.pop(section, {})
    place = Path(recipe.output) / label
    if labels not in (None, ALL):
        mapping["data"] = mapping["data"] | {"labels_per_class": labels}
        place /= f"{LABELS_FOLDER}{labels}"
    mapping |= {"method": method, "output": str(place / folder)}
    for key, value in changes.items():
        section, _, name = key.partition(".")
        mapping[section][name] = value
    try:
        if not getattr(method_config(method), "pretrained", True):
            mapping["model"]["checkpoint"] = None
        return from_mapping(TrainRecipe, mapping)
    except ConfigError as error:
        raise ConfigError(f"methods.{label}: {error}") from error


def _sets_itself(method: Mapping[str, Any], key: str) -> bool:
    section, _, name = key.partition(".")
    return name in (method if section == "method" else method.get(section, {}))
