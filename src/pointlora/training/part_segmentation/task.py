"""Fine-tuning for part segmentation: what of a run belongs to this task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pointlora.atomic import write_text_atomically
from pointlora.data.datasets import PointCloudDataset, train_validation_split
from pointlora.data.features import fit_scaling
from pointlora.data.loading import PointLoader
from pointlora.data.parts.base import PartDataset
from pointlora.data.parts.loading import PartLoaderDataset, make_part_loader
from pointlora.data.parts.registry import has_own_validation, open_part_dataset
from pointlora.data.parts.transforms import PartTransform
from pointlora.data.transforms import TransformConfig
from pointlora.errors import DataError
from pointlora.models.backbone import Backbone
from pointlora.recipes.runs import RunConfig, TrainRecipe
from pointlora.reports.part_segmentation import cloud_csv, part_csv, part_table
from pointlora.training.data import (
    Splits,
    check_training_split,
    evaluation_loader,
    find_features,
    probe_loaders,
    train_loader,
)
from pointlora.training.folds import fold_split
from pointlora.training.label_counts import counted_labels, counted_selection
from pointlora.training.losses import evenly, shown_weights
from pointlora.training.model_factory import build_part_segmenter
from pointlora.training.part_segmentation.evaluation import evaluate_parts, score_parts
from pointlora.training.part_segmentation.metrics import PartMetrics
from pointlora.training.part_segmentation.module import PartModule
from pointlora.training.run_folder import OUT_OF_FOLD, RunFolder
from pointlora.training.tasks import Task

# Clouds that are looked at to know how often each part occurs.
_COUNTED = 256


class PartSegmentation(Task):
    """A part for each point."""

    headlines = ("instance_miou", "class_miou", "accuracy")
    answers = ("instance_miou", "correct", "points")

    def open_splits(self, recipe: TrainRecipe) -> Splits:
        return open_part_splits(recipe)

    def build_model(self, recipe: TrainRecipe, splits: Splits, weights: Mapping[str, Tensor] | None = None) -> Backbone:
        return build_part_segmenter(recipe, _parts(splits.train).space, weights, splits.features)

    def try_cloud(self, model: nn.Module, split: PointCloudDataset, transform: TransformConfig) -> None:
        if len(split) == 0:
            raise DataError(f"data set {split.name}: the {split.split} split is empty")
        prepared = PartTransform(transform, train=False, queries=True)
        batch = PartLoaderDataset(_parts(split), prepared)[(0, 0)]
        score_parts(model, batch, _parts(split).space, torch.device("cpu"))

    def make_module(self, model: nn.Module, recipe: TrainRecipe, splits: Splits) -> PartModule:
        counts = _counts_for(recipe, splits)
        return PartModule(model, recipe.optimizer, recipe.training, _parts(splits.train).space, counts)

    def label_weights(self, recipe: TrainRecipe, splits: Splits) -> Tensor | None:
        counts = _counts_for(recipe, splits)
        return None if counts is None else shown_weights(recipe.training.class_weights, counts)

    def loaders(
        self, splits: Splits, transform: TransformConfig, run: RunConfig
    ) -> tuple[PointLoader, PointLoader | None]:
        chosen = splits.selection
        return (
            train_loader(splits.train, transform, run, make_part_loader, splits.balanced),
            None if chosen is None else evaluation_loader(chosen, transform, run, make_part_loader),
        )

    def probe_loaders(
        self, splits: Splits, transform: TransformConfig, run: RunConfig
    ) -> tuple[PointLoader, PointLoader]:
        return probe_loaders(splits.train, transform, run, _make_seen_loader)

    def recalibration_loader(self, splits: Splits, transform: TransformConfig, run: RunConfig) -> PointLoader:
        return train_loader(splits.train, transform, run, _make_seen_loader, augmented=False)

    def evaluate_each(
        self, model: nn.Module, dataset: PointCloudDataset, transform: TransformConfig, run: RunConfig
    ) -> tuple[PartMetrics, dict[str, Tensor]]:
        parts = _parts(dataset)
        figures = evaluate_parts(model, parts, transform, batch_size=run.batch_size, workers=run.workers)
        return figures, figures.of_each

    def scores(self, answers: Mapping[str, Tensor], dataset: PointCloudDataset, criterion: str) -> Tensor:
        if criterion == "accuracy":
            return answers["correct"].double() / answers["points"].double().mean()
        mious = answers["instance_miou"].double()
        return mious * evenly(dataset.labels) if criterion == "class_miou" else mious

    def adapter_fields(self, splits: Splits) -> dict[str, Any]:
        return {"parts": _parts(splits.train).space.as_dict()}

    def write_tables(self, folder: RunFolder, results: Mapping[str, Any]) -> None:
        write_text_atomically(folder.path / "part_iou.csv", part_csv(results))

    def write_out_of_fold(
        self, folder: RunFolder, train: PointCloudDataset, answers: Mapping[str, Tensor]
    ) -> dict[str, Any]:
        mious = answers["instance_miou"].tolist()
        text = cloud_csv(train.sources, [train.class_names[label] for label in train.labels], mious)
        write_text_atomically(folder.path / OUT_OF_FOLD, text)
        return {"out_of_fold_instance_miou": float(np.mean(mious))}

    def table(self, results: Mapping[str, Any], where: str) -> str:
        return part_table(results, f"parts, every point labelled, {where}")


def open_part_splits(recipe: TrainRecipe) -> Splits:
    """Open the data of a part segmentation run.

    A data set with a validation split of its own chooses the best epoch on it; from others a part of the training split
    is taken. With the other protocols ShapeNetPart's validation split is trained on.

    Raises:
        ConfigError: for an unknown data set or option.
        DataError: if it can't be read, or nothing is left to train on.
    """
    data, seed, protocol = recipe.data, recipe.training.seed, recipe.training.protocol

    def opened(split: str, features: Sequence[str] = ()) -> PartDataset:
        return open_part_dataset(
            data.name,
            data.root,
            split,
            label_fraction=data.label_fraction,
            label_seed=seed,
            cache=data.cache,
            features=features,
            **data.options,
            **data.labels,
        )

    whole = protocol != "validation" and data.name == "shapenetpart"
    names = find_features(data, partial(opened, "trainval" if whole else "train"))
    train: PointCloudDataset = opened("trainval" if whole else "train", names)
    _check_parts(_parts(train))
    test = opened("test", names) if recipe.training.measure_test else None
    selection: PointCloudDataset | None = test if protocol == "paper" else None
    if protocol == "validation":
        if has_own_validation(data.name, data.root):
            selection = opened("validation", names)
        else:
            train, selection = train_validation_split(train, data.validation_fraction, seed)
        selection = counted_selection(selection, data, seed)
    train = counted_labels(train, data, seed)
    if protocol == "k_fold":
        train, selection = fold_split(train, recipe.training.folds, recipe.training.fold, seed)
    check_training_split(train)
    reported = selection if test is None else test
    assert reported is not None  # TrainingConfig refuses measure_test false with other protocols than validation
    return Splits(train, selection, reported, fit_scaling(names, train) if names else None, data.sampling == "balanced")


def _check_parts(train: PartDataset) -> None:
    """Where each category has one part, nothing is left to tell apart.

    Raises:
        DataError: naming it.
    """
    space = train.space
    if max(map(len, space.parts_of)) < 2:
        of = " of each category" if space.categories else ""
        raise DataError(
            f"data set {train.name}: every point{of} has the same label, {space.numbers[space.parts_of[0][0]]}: one "
            "part teaches nothing, give at least two"
        )


def _make_seen_loader(dataset: PartDataset, transform: TransformConfig, batch_size: int, **order: Any) -> PointLoader:
    """Batches whose labels are those of the points that the network sees, as in training."""
    prepared = PartTransform(transform, order["train"], order["seed"])
    return make_part_loader(dataset, prepared, batch_size, **order)


def part_counts(train: PartDataset) -> NDArray[np.int64]:
    """(parts,) points of each part, in clouds that are evenly spread over the training data."""
    chosen = np.unique(np.linspace(0, len(train) - 1, min(len(train), _COUNTED)).astype(int)).tolist()
    labels = [train.labelled_cloud(index)[1] for index in chosen]
    return np.bincount(np.concatenate(labels)[np.concatenate(labels) >= 0], minlength=train.space.num_parts)


def _counts_for(recipe: TrainRecipe, splits: Splits) -> NDArray[np.int64] | None:
    """`part_counts` of a run that weighs parts by them."""
    return None if recipe.training.class_weights == "none" else part_counts(_parts(splits.train))


def _parts(dataset: PointCloudDataset) -> PartDataset:
    return cast(PartDataset, dataset)
