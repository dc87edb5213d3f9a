"""The recipe of a comparison: one base recipe, several methods, several seeds. Nothing here imports torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pointlora.checks import check_choice, check_integer
from pointlora.errors import ConfigError
from pointlora.methods.plugins import load_plugins
from pointlora.names import unknown_name
from pointlora.recipes.label_counts import check_counted, check_label_counts
from pointlora.recipes.parts import DataConfig, ModelConfig, OptimizerConfig
from pointlora.recipes.runs import TASKS, TrainingConfig

# What a method may have of its own, besides its own settings. Data, seeds and protocol are the same for all.
OWN_SECTIONS = ("model", "optimizer", "training")
SEARCHED_SECTIONS = (*OWN_SECTIONS, "method")
_COMMON = ("training.seed", "training.protocol", "training.measure_test")
# A label is the name of a folder on any system.
_LABEL = re.compile(r"\w[\w .+=-]{0,79}(?<! )$")
_FILES = re.compile(r"comparison(\.|$)", re.IGNORECASE)


@dataclass
class CompareRecipe:
    """Compare tuning methods on one data set: one run per method, seed and, for learning curves, number of labels.

    Args:
        task: classification, or part_segmentation (a part for each point of a cloud).
        model: the backbone and its pre-trained weights; methods that train from scratch leave the weights out.
        data: the data set and what is done to it.
        optimizer: AdamW and its schedule.
        training: epochs, batch size and so on; the seeds are `seeds`.
        methods: label -> the method's settings, such as {name: lora, rank: 4}, and what differs for it in
            `optimizer`, `training`, `model` and `search`. Without a name the label is the name.
        seeds: every method runs once per seed.
        labels_per_class: labels of each class (category) to train on, such as [1, 2, 5, 10, 20, all]: every method runs
            with each of them and each seed. By default with all.
        reference: label of the method that the others are compared with; by default full, or the first.
        search: setting -> values to try, such as {optimizer.lr: [5e-4, 1e-3]}; each method then takes those that are
            best on the validation split on average over search_seeds. A setting that a method fixes is kept.
        search_seeds: every candidate of the search runs once per seed.
        search_epochs: epochs of the search's runs; by default as many as the other runs have.
        jobs: runs at the same time, each with its share of the cores.
        output: folder of the comparison; an unfinished one in it is resumed.
        plugins: Python files, seen from the current folder, that register tuning methods of your own. They are run.
    """

    task: str = "classification"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    methods: dict[str, Any] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=lambda: [0, 1, 2])
    labels_per_class: list[int | str] = field(default_factory=list)
    reference: str | None = None
    search: dict[str, Any] = field(default_factory=dict)
    search_seeds: list[int] = field(default_factory=lambda: [0])
    search_epochs: int | None = None
    jobs: int = 1
    output: str = "runs/compare"
    plugins: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        load_plugins(self.plugins)
        check_choice("task", self.task, TASKS)
        self.methods = {label: check_method(label, settings) for label, settings in self.methods.items()}
        _check_distinct(self.methods)
        for name in ("seeds", "search_seeds"):
            _check_seeds(name, getattr(self, name))
        self._check_labels()
        if self.reference is not None and self.methods and self.reference not in self.methods:
            raise ConfigError(unknown_name("reference", self.reference, self.methods))
        check_search(self.search, "search")
        if self.search_epochs is not None:
            check_integer("search_epochs", self.search_epochs, 1)
        check_integer("jobs", self.jobs, 1, 256)
        self._check_training()

    def _check_labels(self) -> None:
        self.labels_per_class = counts = check_label_counts(self.labels_per_class)
        if counts and self.data.labels_per_class is not None:
            fixed = f"data.labels_per_class {self.data.labels_per_class}"
            raise ConfigError(f"labels_per_class is {counts}, and {fixed}: give one of them")
        if counts:
            check_counted("labels_per_class", counts, self.data.name, self.data.label_fraction)

    def _check_training(self) -> None:
        if self.training.protocol != "validation":
            how = "chooses the best epoch on the test set" if self.training.protocol == "paper" else "chooses none"
            raise ConfigError(
                f"training.protocol is {self.training.protocol!r}, which {how}: "
                "a comparison chooses the best epoch on the validation split only"
            )
        if not self.training.measure_test:
            raise ConfigError("training.measure_test is false, but a comparison measures on the test set")
        if self.training.seed != TrainingConfig().seed:
            raise ConfigError(f"training.seed is {self.training.seed}, but a comparison takes its seeds from seeds")

    @property
    def base(self) -> str:
        """The label that differences are measured from.

        Raises:
            ConfigError: if there are no methods.
        """
        if not self.methods:
            raise ConfigError("methods is missing: name at least one, such as `methods: {pointlora: {}, full: {}}`")
        return self.reference or ("full" if "full" in self.methods else next(iter(self.methods)))


def _check_seeds(name: str, seeds: list[int]) -> None:
    if not seeds:
        raise ConfigError(f"{name} is empty, but a comparison needs at least one, such as [0, 1, 2]")
    for seed in seeds:
        check_integer(f"each of {name}", seed, 0, 2**32 - 1)
    if len(set(seeds)) < len(seeds):
        raise ConfigError(f"{name} is {seeds}, but each seed may appear only once")


def check_method(label: Any, settings: Any) -> dict[str, Any]:
    """A method's settings, with a name; whether the settings fit is checked when its runs are made.

    Raises:
        ConfigError: for a label that can't name a folder, or settings that are no mapping.
    """
    if not isinstance(label, str) or not _LABEL.match(label) or _FILES.match(label):
        raise ConfigError(
            f"label {label!r} of methods must name a folder: letters, digits, spaces and any of _.+=- (not first), "
            "at most 80 of them, and not `comparison`"
        )
    if settings is not None and not isinstance(settings, Mapping):
        raise ConfigError(f"methods.{label} is {settings!r}, but it must be a mapping, such as {{name: lora, rank: 4}}")
    named: dict[str, Any] = {"name": label, **(settings or {})}
    for section in OWN_SECTIONS:
        own = named.get(section, {})
        if not isinstance(own, Mapping):
            raise ConfigError(f"methods.{label}.{section} is {own!r}, but it must be a mapping of settings")
        for key in own:
            if f"{section}.{key}" in _COMMON:
                raise ConfigError(f"methods.{label}.{section}.{key} can't differ between the methods of a comparison")
    if "data" in named:
        raise ConfigError(f"methods.{label}.data can't differ between the methods of a comparison")
    check_search(named.get("search", {}), f"methods.{label}.search")
    return named


def check_search(search: Any, where: str) -> None:
    """A search is a mapping of dotted settings to lists of values.

    Raises:
        ConfigError: if it isn't.
    """
    if not isinstance(search, Mapping):
        raise ConfigError(f"{where} is {search!r}, but it must be a mapping, such as {{optimizer.lr: [5e-4, 1e-3]}}")
    for key, values in search.items():
        section, _, name = str(key).partition(".")
        if section not in SEARCHED_SECTIONS or not name or key in _COMMON:
            raise ConfigError(
                f"{where} holds {key!r}, but it can only vary settings of {', '.join(SEARCHED_SECTIONS)}, and neither "
                "seed nor protocol: optimizer.lr, for example"
            )
        if not isinstance(values, list) or not values:
            raise ConfigError(f"{where}.{key} is {values!r}, but it must be a list of values to try")


def _check_distinct(labels: Mapping[str, Any]) -> None:
    """Labels that differ in case only would share a folder on some systems."""
    seen: dict[str, str] = {}
    for label in labels:
        other = seen.setdefault(label.casefold(), label)
        if other != label:
            raise ConfigError(f"labels {other!r} and {label!r} of methods differ in case only: rename one")
