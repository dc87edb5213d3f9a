"""The folds of a training set: each cloud is in one of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointlora.data.datasets import PointCloudDataset
from pointlora.data.sampling import sample_generator
from pointlora.errors import DataError


def fold_members(train: PointCloudDataset, folds: int, fold: int, seed: int) -> NDArray[np.int64]:
    """(m,) indices of the clouds in a fold, ascending.

    Folds are a function of the seed, and have equal parts of each class.
    """
    order = sample_generator(seed, 0, 0, "folds").permutation(len(train))
    order = order[np.argsort(train.labels[order], kind="stable")]
    return np.sort(order[fold::folds])


def fold_split(
    train: PointCloudDataset, folds: int, fold: int | None, seed: int
) -> tuple[PointCloudDataset, PointCloudDataset | None]:
    """A training set without one of its folds, and the fold; all of it and nothing without a `fold`.

    Raises:
        DataError: if there are fewer clouds than folds.
    """
    if len(train) < folds:
        raise DataError(
            f"data set {train.name}: {len(train)} clouds can't be cut into {folds} folds: set training.folds"
        )
    if fold is None:
        return train, None
    held = fold_members(train, folds, fold, seed)
    rest = np.setdiff1d(np.arange(len(train)), held)
    return train.subset(rest, "train"), train.subset(held, "validation")
