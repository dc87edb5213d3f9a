"""What a fine-tuning run does differently for each task; everything else is `pointlora.training.fit`."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from pointlora.data.datasets import PointCloudDataset
from pointlora.data.loading import PointLoader
from pointlora.data.transforms import TransformConfig
from pointlora.models.backbone import Backbone
from pointlora.recipes.runs import RunConfig, TrainRecipe
from pointlora.training.base_module import TrainedModule
from pointlora.training.data import Splits
from pointlora.training.run_folder import RunFolder


class Metrics(Protocol):
    """Figures of one evaluation."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""


class Task(ABC):
    """A task of fine-tuning.

    Attributes:
        headlines: names of the figures that the adapter's folder holds.
        answers: names of what `TrainedModule.answers` holds.
    """

    headlines: ClassVar[tuple[str, ...]]
    answers: ClassVar[tuple[str, ...]]

    @abstractmethod
    def open_splits(self, recipe: TrainRecipe) -> Splits:
        """Open the data of a run and check that it can be trained on.

        Raises:
            ConfigError, DataError: if not.
        """

    @abstractmethod
    def build_model(self, recipe: TrainRecipe, splits: Splits, weights: Mapping[str, Tensor] | None = None) -> Backbone:
        """The backbone with its pre-trained weights, if any, and the tuning method.

        Args:
            recipe: of the run.
            splits: its data.
            weights: what `model.checkpoint` holds, where it has been read already.

        Raises:
            ConfigError, CheckpointError: for sizes or weights that don't fit.
        """

    @abstractmethod
    def try_cloud(self, model: nn.Module, split: PointCloudDataset, transform: TransformConfig) -> None:
        """Put the first cloud of a split through the model.

        Raises:
            DataError, ShapeError: if it can't be read, or is too small.
        """

    @abstractmethod
    def make_module(self, model: nn.Module, recipe: TrainRecipe, splits: Splits) -> TrainedModule:
        """The Lightning module that trains it; its `selection` holds the criterion after each epoch."""

    @abstractmethod
    def label_weights(self, recipe: TrainRecipe, splits: Splits) -> Tensor | None:
        """(classes,) by which classes or parts count in training: by the loss, and by how often they are shown."""

    @abstractmethod
    def loaders(
        self, splits: Splits, transform: TransformConfig, run: RunConfig
    ) -> tuple[PointLoader, PointLoader | None]:
        """This process's part of the batches for training and, where an epoch is chosen, for selection."""

    @abstractmethod
    def probe_loaders(
        self, splits: Splits, transform: TransformConfig, run: RunConfig
    ) -> tuple[PointLoader, PointLoader]:
        """All training clouds as they are, and augmented; both in the same order."""

    @abstractmethod
    def recalibration_loader(self, splits: Splits, transform: TransformConfig, run: RunConfig) -> PointLoader:
        """This process's part of training clouds in random order, without augmentation."""

    @abstractmethod
    def evaluate_each(
        self, model: nn.Module, dataset: PointCloudDataset, transform: TransformConfig, run: RunConfig
    ) -> tuple[Metrics, dict[str, Tensor]]:
        """The figures of a trained model, and of each cloud what `TrainedModule.answers` holds."""

    def evaluate(
        self, model: nn.Module, dataset: PointCloudDataset, transform: TransformConfig, run: RunConfig
    ) -> Metrics:
        """The figures of a trained model."""
        return self.evaluate_each(model, dataset, transform, run)[0]

    @abstractmethod
    def scores(self, answers: Mapping[str, Tensor], dataset: PointCloudDataset, criterion: str) -> Tensor:
        """(n,) float64: of each cloud a score, whose mean is the criterion.

        Args:
            answers: what `evaluate_each` gives for the data set.
            dataset: the clouds that were answered.
            criterion: one of `pointlora.recipes.runs.CRITERIA`.
        """

    @abstractmethod
    def adapter_fields(self, splits: Splits) -> dict[str, Any]:
        """Arguments of `save_adapter` that say what the outputs mean."""

    @abstractmethod
    def write_tables(self, folder: RunFolder, results: Mapping[str, Any]) -> None:
        """Files of figures beside results.json."""

    @abstractmethod
    def write_out_of_fold(
        self, folder: RunFolder, train: PointCloudDataset, answers: Mapping[str, Tensor]
    ) -> dict[str, Any]:
        """out_of_fold.csv, a row a training cloud in their order, from what was answered for each; its figures."""

    @abstractmethod
    def table(self, results: Mapping[str, Any], where: str) -> str:
        """A table for people, from what results.json holds; `where` says on which split."""


_TASKS = {
    "classification": ("pointlora.training.classification.task", "Classification"),
    "part_segmentation": ("pointlora.training.part_segmentation.task", "PartSegmentation"),
}


def get_task(name: str) -> Task:
    """The task that a recipe names."""
    module, attribute = _TASKS[name]
    task: Task = getattr(importlib.import_module(module), attribute)()
    return task
