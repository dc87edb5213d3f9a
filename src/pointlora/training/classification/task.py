"""Fine-tuning for classification: what of a run belongs to this task."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pointlora.atomic import write_text_atomically
from pointlora.data.datasets import PointCloudDataset
from pointlora.data.loading import PointLoader, make_loader
from pointlora.data.transforms import TransformConfig
from pointlora.models.backbone import Backbone
from pointlora.recipes.runs import RunConfig, TrainRecipe
from pointlora.reports.classification import confusion_csv, metrics_table, predictions_csv
from pointlora.training.classification.evaluation import voted
from pointlora.training.classification.metrics import ClassificationMetrics, metrics_from
from pointlora.training.classification.module import ClassificationModule
from pointlora.training.data import Splits, evaluation_loader, first_cloud, open_splits, probe_loaders, train_loader
from pointlora.training.devices.choice import evaluation_device
from pointlora.training.losses import evenly, shown_weights
from pointlora.training.model_factory import build_classifier
from pointlora.training.run_folder import OUT_OF_FOLD, RunFolder
from pointlora.training.tasks import Task


class Classification(Task):
    """A class for each cloud."""

    headlines = ("accuracy", "class_mean_accuracy")
    answers = ("predicted", "probability")

    def open_splits(self, recipe: TrainRecipe) -> Splits:
        return open_splits(recipe)

    def build_model(self, recipe: TrainRecipe, splits: Splits, weights: Mapping[str, Tensor] | None = None) -> Backbone:
        return build_classifier(recipe, splits.train.class_names, weights, splits.features)

    def try_cloud(self, model: nn.Module, split: PointCloudDataset, transform: TransformConfig) -> None:
        model(first_cloud(split, transform))

    def make_module(self, model: nn.Module, recipe: TrainRecipe, splits: Splits) -> ClassificationModule:
        train = splits.train
        return ClassificationModule(
            model, recipe.optimizer, recipe.training, train.class_names, train.class_counts(), splits.balanced
        )

    def label_weights(self, recipe: TrainRecipe, splits: Splits) -> Tensor | None:
        return shown_weights(recipe.training.class_weights, splits.train.class_counts(), splits.balanced)

    def loaders(
        self, splits: Splits, transform: TransformConfig, run: RunConfig
    ) -> tuple[PointLoader, PointLoader | None]:
        gpu = evaluation_device(run.accelerator).type == "cuda"
        # Memory is pinned by a thread, which must not call CUDA while a graph is captured.
        make = partial(make_loader, pending=gpu, pin_memory=gpu and not run.cuda_graphs)
        chosen = None if splits.selection is None else evaluation_loader(splits.selection, transform, run, make)
        return train_loader(splits.train, transform, run, make, splits.balanced), chosen

    def probe_loaders(
        self, splits: Splits, transform: TransformConfig, run: RunConfig
    ) -> tuple[PointLoader, PointLoader]:
        return probe_loaders(splits.train, transform, run)

    def recalibration_loader(self, splits: Splits, transform: TransformConfig, run: RunConfig) -> PointLoader:
        return train_loader(splits.train, transform, run, augmented=False)

    def evaluate_each(
        self, model: nn.Module, dataset: PointCloudDataset, transform: TransformConfig, run: RunConfig
    ) -> tuple[ClassificationMetrics, dict[str, Tensor]]:
        chances = voted(model, dataset, transform, batch_size=run.batch_size, workers=run.workers)
        predicted = chances.argmax(1)
        answers = {"predicted": predicted, "probability": chances.gather(1, predicted[:, None])[:, 0]}
        return metrics_from(dataset.labels, predicted.numpy(), dataset.class_names), answers

    def scores(self, answers: Mapping[str, Tensor], dataset: PointCloudDataset, criterion: str) -> Tensor:
        hits = (answers["predicted"] == torch.from_numpy(dataset.labels)).double()
        return hits * evenly(dataset.labels) if criterion == "class_mean_accuracy" else hits

    def adapter_fields(self, splits: Splits) -> dict[str, Any]:
        return {"class_names": splits.train.class_names}

    def write_tables(self, folder: RunFolder, results: Mapping[str, Any]) -> None:
        write_text_atomically(folder.path / "confusion_matrix.csv", confusion_csv(results))

    def write_out_of_fold(
        self, folder: RunFolder, train: PointCloudDataset, answers: Mapping[str, Tensor]
    ) -> dict[str, Any]:
        predicted = answers["predicted"].numpy()
        text = predictions_csv(
            train.sources, train.labels.tolist(), predicted.tolist(), answers["probability"].tolist(), train.class_names
        )
        write_text_atomically(folder.path / OUT_OF_FOLD, text)
        figures = metrics_from(train.labels, predicted, train.class_names)
        return {
            "out_of_fold_accuracy": figures.accuracy,
            "out_of_fold_class_mean_accuracy": figures.class_mean_accuracy,
        }

    def table(self, results: Mapping[str, Any], where: str) -> str:
        return metrics_table(results, f"accuracy {where}")
