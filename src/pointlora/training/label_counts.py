"""So many labels of each class, as `data.labels_per_class` asks for."""

from __future__ import annotations

import numpy as np

from pointlora.data.datasets import PointCloudDataset
from pointlora.data.datasets.splits import keep_labels_per_class
from pointlora.data.notices import say
from pointlora.recipes.parts import DataConfig

# Classes that a line names.
_NAMED = 5


def counted_labels(train: PointCloudDataset, data: DataConfig, seed: int) -> PointCloudDataset:
    """The training clouds that a recipe asks for; classes that have too few are named in a line on stderr.

    Raises:
        DataError: if the data set has no labels.
    """
    if data.labels_per_class is None:
        return train
    kept = keep_labels_per_class(train, data.labels_per_class, seed)
    counts = kept.class_counts()
    short = [int(label) for label in np.flatnonzero((counts > 0) & (counts < data.labels_per_class))]
    if short:
        named = ", ".join(f"{counts[label]} of {train.class_names[label]!r}" for label in short[:_NAMED])
        more = f" and of {len(short) - _NAMED} more" if len(short) > _NAMED else ""
        say(f"{train.name}: {data.labels_per_class} labels a class are wanted, there are {named}{more}: all are used")
    return kept


def counted_selection(selection: PointCloudDataset, data: DataConfig, seed: int) -> PointCloudDataset:
    """The validation split with at most as many clouds of each class as are trained on."""
    return selection if data.labels_per_class is None else keep_labels_per_class(selection, data.labels_per_class, seed)
