"""The data of a finished run, opened again as its recipe says: for what is made of its adapter afterwards."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pointlora.data.datasets import PointCloudDataset
from pointlora.recipes.files import from_mapping, read_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.data import Splits, transform_config
from pointlora.training.tasks import Task, get_task

CONFIG = "config.yaml"


@dataclass(frozen=True)
class RunData:
    """What a run was trained and measured on.

    Attributes:
        recipe: of the run.
        task: that it names.
        splits: of its data.
    """

    recipe: TrainRecipe
    task: Task
    splits: Splits

    @property
    def held_out(self) -> PointCloudDataset:
        """The clouds on which the epoch was chosen; the test set for a run that held out none."""
        return self.splits.reported if self.splits.selection is None else self.splits.selection

    @property
    def held_out_name(self) -> str:
        """What they are called."""
        chosen = self.splits.selection
        if chosen is None or chosen.split == "test":
            return "test set"
        return "validation split" if self.recipe.training.fold is None else "held-out fold"

    @property
    def held_out_note(self) -> str:
        """How many they are, and why it is these where the epoch was chosen on others or on none."""
        count = f"{len(self.held_out)} clouds"
        if self.splits.selection is not None:
            return count
        return f"{count}; with the protocol {self.recipe.training.protocol} all others were trained on"

    @property
    def metric(self) -> str:
        """The figure by which the epoch was chosen."""
        criterion: str = self.recipe.criterion
        return criterion

    def measure(self, model: nn.Module) -> float:
        """That figure of a model, on the clouds held out."""
        transform = transform_config(self.recipe.data, self.splits.features)
        figures = self.task.evaluate(model, self.held_out, transform, self.recipe.training).as_dict()
        return float(figures[self.metric])


def open_run_data(run: str | os.PathLike[str]) -> RunData | None:
    """The data of a run; None where there is no run, but an adapter alone.

    Args:
        run: its folder.

    Raises:
        ConfigError: if its config.yaml is damaged.
        DataError: if the data can't be read, or are no longer what they were.
    """
    path = Path(run) / CONFIG
    if not path.is_file():
        return None
    found = read_mapping(path)
    found.pop("plugins", None)  # whoever opens an adapter has loaded them
    recipe = from_mapping(TrainRecipe, found, f"{path}: ")
    task = get_task(recipe.task)
    return RunData(recipe, task, task.open_splits(recipe))


def evenly_spread(dataset: PointCloudDataset, count: int) -> list[tuple[NDArray[np.float32], int]]:
    """Up to so many raw clouds of a data set with their labels, which for part segmentation are categories."""
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int))
    return [(dataset.cloud(int(index)), int(dataset.labels[index])) for index in chosen]
