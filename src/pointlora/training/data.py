"""The data of a run: its splits, its transforms and its loaders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from pointlora.data.augmentations import OF_FEATURES
from pointlora.data.datasets import PointCloudDataset, open_dataset, train_validation_split
from pointlora.data.feature_names import AUTO, channel_names
from pointlora.data.features import FeatureScaling, fit_scaling
from pointlora.data.loading import ClassificationLoaderDataset, PointLoader, make_loader
from pointlora.data.notices import say
from pointlora.data.transforms import PointTransform, TransformConfig
from pointlora.errors import ConfigError, DataError
from pointlora.recipes.parts import DataConfig
from pointlora.recipes.runs import RunConfig, TrainRecipe
from pointlora.training.devices.world import current_world
from pointlora.training.folds import fold_split
from pointlora.training.label_counts import counted_labels, counted_selection


@dataclass(frozen=True)
class Splits:
    """What a fine-tuning run trains on, chooses its best epoch on, and reports.

    Reported is the test set; with `training.measure_test` false the selection split, and the test set stays closed.
    `features` are the scales of what points have beside x, y, z, fitted to the training clouds.
    With `balanced`, as many clouds of each class are trained on in an epoch.
    With the papers' protocol `selection` is the test set itself; with the protocol `last` there is none.
    """

    train: PointCloudDataset
    selection: PointCloudDataset | None
    reported: PointCloudDataset
    features: FeatureScaling | None = None
    balanced: bool = False

    @property
    def num_features(self) -> int:
        """Numbers that a point has beside x, y, z."""
        return 0 if self.features is None else len(self.features.names)

    @property
    def all(self) -> tuple[PointCloudDataset, ...]:
        """The parts that there are, one that stands for two of them once."""
        parts = (self.train, self.selection, self.reported)
        return tuple({id(part): part for part in parts if part is not None}.values())


def transform_config(data: DataConfig, features: FeatureScaling | None = None) -> TransformConfig:
    """The transforms that a recipe asks for; `features` are those of the `Splits`.

    Raises:
        ConfigError: for an unknown augmentation or a range that makes no sense.
    """
    for name in data.augmentations if features is None or not features.triples.colors else ():
        if name in OF_FEATURES and (features is None or name == "color_jitter"):
            what = "red, green, blue" if name == "color_jitter" else "features"
            raise ConfigError(f"augmentation {name!r} changes {what}, but data.features doesn't name them")
    return TransformConfig(
        num_points=data.num_points,
        normalize=data.normalize,
        oversample=data.oversample,
        augmentations=tuple(data.augmentations),
        up_axis=data.up_axis,
        features=features,
        **data.ranges,
    )


def open_splits(recipe: TrainRecipe) -> Splits:
    """Open the data of a fine-tuning run and check that it can be trained on.

    Raises:
        ConfigError: for an unknown data set or option.
        DataError: if it can't be read, has no labels, or its splits have different classes.
    """
    data, seed, measure_test = recipe.data, recipe.training.seed, recipe.training.measure_test
    names = find_features(data, partial(open_dataset, data.name, data.root, "train", **data.options))
    own = {"cache": data.cache, "features": names, **data.options}
    train = open_dataset(data.name, data.root, "train", data.label_fraction, seed, **own)
    test = open_dataset(data.name, data.root, "test", **own) if measure_test else train
    for split in (train, test):
        if not split.labelled:
            raise DataError(f"data set {data.name}: the {split.split} split has no labels, and fine-tuning needs them")
    if train.class_names != test.class_names:
        differing = sorted(set(train.class_names) ^ set(test.class_names)) or ["(a different order)"]
        raise DataError(f"data set {data.name}: training and test classes differ: {', '.join(differing)}")
    selection = test if recipe.training.protocol == "paper" else None
    if recipe.training.protocol == "validation":
        train, selection = train_validation_split(train, data.validation_fraction, seed)
        selection = counted_selection(selection, data, seed)
    train = counted_labels(train, data, seed)
    if recipe.training.protocol == "k_fold":
        train, selection = fold_split(train, recipe.training.folds, recipe.training.fold, seed)
    check_training_split(train)
    check_classes(train)
    reported = test if measure_test else selection
    assert reported is not None  # TrainingConfig refuses measure_test false where nothing is held out
    return Splits(train, selection, reported, fit_scaling(names, train) if names else None, data.sampling == "balanced")


def find_features(data: DataConfig, open_training: Callable[[], PointCloudDataset]) -> tuple[str, ...]:
    """Names of the features that a recipe asks for; which `auto` takes is said on stderr.

    Args:
        data: of the recipe.
        open_training: opens the training split, without features.
    """
    if data.features != AUTO:
        return channel_names(data.features)
    dataset = open_training()
    names = dataset.automatic_features()
    shown = f"features are {', '.join(names)}" if names else "no colour, normal, intensity or return in all of them"
    say(f"{data.root or data.name}: {shown} ({len(dataset)} training clouds)")
    return names


def check_training_split(train: PointCloudDataset) -> None:
    """BatchNorm in a head needs two clouds.

    Raises:
        DataError: if there are fewer.
    """
    if len(train) < 2:
        raise DataError(f"data set {train.name}: {len(train)} cloud is left for training, at least 2 are needed")


def check_classes(train: PointCloudDataset) -> None:
    """One class leaves nothing to tell apart.

    Raises:
        DataError: naming it.
    """
    occurring = np.flatnonzero(train.class_counts())
    if len(occurring) < 2:
        name = train.class_names[occurring[0]]
        raise DataError(f"data set {train.name}: every training cloud is of class {name!r}: give at least two classes")


def train_loader(
    dataset: PointCloudDataset,
    transform: TransformConfig,
    run: RunConfig,
    make: Callable[..., PointLoader] = make_loader,
    balanced: bool = False,
    augmented: bool = True,
) -> PointLoader:
    """This process's part of shuffled, augmented batches.

    A last batch that isn't full is left out; one that is the only one, to the part that can be divided equally. `make`
    is `make_loader`, or its like for another kind of data set. Without augmentation it serves recalibration, and
    is read once, in this process.

    Raises:
        ConfigError: if there are fewer clouds than processes.
    """
    world = current_world()
    return make(
        dataset,
        transform,
        max(min(world.share(run.batch_size), len(dataset) // world.size), 1),
        seed=run.seed,
        train=augmented,
        shuffle=True,
        drop_last=True,
        workers=run.workers if augmented else 0,
        rank=world.rank,
        world_size=world.size,
        **({"balance": dataset.labels} if balanced else {}),
    )


def probe_loaders(
    dataset: PointCloudDataset,
    transform: TransformConfig,
    run: RunConfig,
    make: Callable[..., PointLoader] = make_loader,
) -> tuple[PointLoader, PointLoader]:
    """All clouds in order, as they are and augmented, in every process; `make` is as for `train_loader`."""
    plain, augmented = (
        make(dataset, transform, run.batch_size, seed=run.seed, train=train, shuffle=False) for train in (False, True)
    )
    return plain, augmented


def evaluation_loader(
    dataset: PointCloudDataset,
    transform: TransformConfig,
    run: RunConfig,
    make: Callable[..., PointLoader] = make_loader,
) -> PointLoader:
    """This process's part of all clouds, in order, without augmentation; `make` is as for `train_loader`."""
    world = current_world()
    return make(
        dataset,
        transform,
        world.share(run.batch_size),
        seed=run.seed,
        train=False,
        workers=run.workers,
        rank=world.rank,
        world_size=world.size,
    )


def first_cloud(dataset: PointCloudDataset, transform: TransformConfig) -> Tensor:
    """The first cloud (1, n, 3) as a model sees it: what can't be read fails here.

    Raises:
        DataError: if there is none, or it can't be read.
    """
    if len(dataset) == 0:
        raise DataError(f"data set {dataset.name}: the {dataset.split} split is empty")
    inner = ClassificationLoaderDataset(dataset, PointTransform(transform, train=False))
    return inner[(0, 0)].points
