"""The recipe of a few-shot evaluation, and of the run of each fold."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from pointlora.checks import check_choice, check_integer
from pointlora.errors import ConfigError
from pointlora.recipes.parts import DataConfig, ModelConfig, OptimizerConfig
from pointlora.recipes.runs import TrainingConfig, TrainRecipe


@dataclass
class FewShotRecipe(TrainRecipe):
    """Fine-tune on few-shot folds, a run for each, and report mean and standard deviation of their accuracies.

    Args:
        model: the backbone, its sizes and its pre-trained weights.
        method: the tuning method and its settings, for example {name: pointlora, rank: 8}; `pointlora info` lists them.
        data: the data set that folds are drawn from, or fewshot_files for stored folds; and what is done to it.
        optimizer: AdamW and its schedule.
        training: epochs, batch size, seed and so on. By default the protocol is last: few shots leave nothing to
            validate on.
        output: folder for all runs and fewshot.json; finished folds in it are kept, an unfinished one is resumed.
        plugins: Python files, seen from the current folder, that register tuning methods of your own. They are run.
        ways: classes per fold.
        shots: clouds per class to learn from.
        folds: number of folds.
        queries: clouds per class to test on; folds in files have their own.
        query_split: where queries come from, test or the rest of train.
        fold_seed: chooses the folds that are drawn; training.seed chooses initial weights, batches and so on.
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    method: dict[str, Any] = field(default_factory=lambda: {"name": "pointlora"})
    data: DataConfig = field(default_factory=lambda: DataConfig(name="modelnet40", num_points=1024))
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(epochs=150, protocol="last"))
    output: str = "runs/fewshot"
    ways: int = 5
    shots: int = 10
    folds: int = 10
    queries: int = 20
    query_split: str = "test"
    fold_seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("ways", self.ways, 2, 10**6)
        check_integer("shots", self.shots, 1, 10**6)
        check_integer("folds", self.folds, 1, 10**4)
        check_integer("queries", self.queries, 1, 10**6)
        check_choice("query_split", self.query_split, ("test", "train"))
        check_integer("fold_seed", self.fold_seed, 0, 2**32 - 1)
        if self.data.label_fraction != 1.0:
            raise ConfigError(f"data.label_fraction is {self.data.label_fraction}, but few-shot folds count by shots")
        if self.data.labels_per_class is not None:
            raise ConfigError(
                f"data.labels_per_class is {self.data.labels_per_class}, but few-shot folds count by shots: set shots"
            )
        if not self.training.measure_test:
            raise ConfigError("training.measure_test is false, but a few-shot evaluation measures on the queries")
        if self.data.name == "fewshot_files" and self.data.options:
            raise ConfigError(f"data.options is {self.data.options}, but fewshot_files takes ways and shots only")
        if self.data.name == "fewshot":
            raise ConfigError("data.name is 'fewshot': name the data set that folds are drawn from, or fewshot_files")


def is_fewshot(mapping: Any) -> bool:
    """Whether nested settings are those of a few-shot evaluation: they name one that only it has."""
    return bool({"ways", "shots", "folds", "queries", "query_split", "fold_seed"} & set(mapping))


def fold_recipe(recipe: FewShotRecipe, fold: int) -> TrainRecipe:
    """The run of one fold: the fold is a data set as any other."""
    numbers = {"ways": recipe.ways, "shots": recipe.shots, "fold": fold}
    if recipe.data.name == "fewshot_files":
        data = replace(recipe.data, options=numbers)
    else:
        drawn = {"queries": recipe.queries, "query_split": recipe.query_split, "seed": recipe.fold_seed}
        source = {"source": recipe.data.name, "source_options": recipe.data.options}
        data = replace(recipe.data, name="fewshot", options={**source, **numbers, **drawn})
    shared: dict[str, Any] = {field.name: getattr(recipe, field.name) for field in fields(TrainRecipe)}
    return TrainRecipe(**(shared | {"data": data, "output": str(Path(recipe.output) / f"fold_{fold:02d}")}))
