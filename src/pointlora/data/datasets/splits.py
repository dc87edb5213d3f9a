"""Deterministic stratified splits: how many of each class, and which."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_integer, check_number
from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.sampling import sample_generator
from pointlora.errors import DataError


def apportion(counts: Sequence[int], fraction: float, minimum: int = 0, leave: int = 0) -> NDArray[np.int64]:
    """How many of each class to take so that `fraction` of all are taken, by largest remainders.

    Each class gives the floor or the ceiling of its share, unless the bounds say otherwise: at least `minimum` of every
    class that has any are taken, and at least `leave` of it stay behind (`leave` wins).

    Args:
        counts: size of each class.
        fraction: share to take, in [0, 1].
        minimum: least number to take of each class that isn't empty.
        leave: least number to leave of each class.
    """
    sizes = np.asarray(counts, dtype=np.int64)
    most = np.maximum(sizes - leave, 0)
    shares = sizes * fraction
    # The nudge keeps products such as 0.1 * 30 = 3.0000000000000004 or 0.29 * 100 = 28.999999999999996 whole.
    take = np.minimum(np.floor(shares + 1e-9).astype(np.int64), most)
    missing = round(float(shares.sum()) + 1e-9) - int(take.sum())
    # Largest remainder first, then the larger class, then the earlier one.
    order = np.lexsort((np.arange(len(sizes)), -sizes, -np.round(shares - take, 9)))
    order = order[(take < most)[order]]
    take[order[: max(missing, 0)]] += 1
    return np.minimum(np.maximum(take, minimum), most)


def stratified_choice(
    labels: NDArray[np.int64], fraction: float, seed: int, purpose: str, minimum: int = 0, leave: int = 0
) -> NDArray[np.bool_]:
    """(n,) mask of a random `fraction` of each class, a function of the labels, the seed and the purpose only."""
    classes, members = np.unique(labels, return_inverse=True)
    take = apportion(np.bincount(members, minlength=len(classes)).tolist(), fraction, minimum, leave)
    mask = np.zeros(len(labels), dtype=bool)
    for number, label in enumerate(classes):
        # Seeded by the label itself: one class more or less doesn't change the choice within the others.
        generator = sample_generator(seed, 0, int(label) + 1, purpose)
        mask[generator.permutation(np.flatnonzero(members == number))[: take[number]]] = True
    return mask


def hashed_choice(names: Sequence[str], fraction: float, seed: int) -> NDArray[np.bool_]:
    """(n,) mask of `round(fraction * n)` names, those whose hashes are smallest; at least one name is left.

    The choice depends on the names, not on their order or on the machine.
    """
    count = int(apportion([len(names)], fraction, leave=1)[0])
    digests = [blake2b(f"{seed}/{name}".encode(), digest_size=16).digest() for name in names]
    mask = np.zeros(len(names), dtype=bool)
    mask[sorted(range(len(names)), key=lambda index: (digests[index], names[index]))[:count]] = True
    return mask


def train_validation_split(
    dataset: PointCloudDataset, fraction: float = 0.1, seed: int = 0
) -> tuple[PointCloudDataset, PointCloudDataset]:
    """Split off a validation part, stratified by class and deterministic.

    Args:
        dataset: what to split; without labels the split is a plain random one.
        fraction: share of the validation part, in (0, 1).
        seed: chooses the split.

    Returns:
        The training and the validation part, views that keep the order of `dataset`. Every class of `dataset` has at
        least one cloud in the training part.

    Raises:
        ConfigError: for a fraction outside (0, 1).
        DataError: if no cloud can be spared for validation.
    """
    check_number("validation fraction", fraction, 0, 1, open_low=True, open_high=True)
    mask = stratified_choice(dataset.labels, fraction, seed, "validation split", leave=1)
    if not mask.any():
        sizes = np.bincount(dataset.labels[dataset.labels >= 0]) if dataset.labelled else np.array([len(dataset)])
        raise DataError(
            f"{dataset.name}: no cloud can be spared for validation: {fraction} of {len(dataset)} clouds, with one of "
            f"each class kept for training (largest class has {sizes.max(initial=0)}); raise the fraction or add data"
        )
    return (
        dataset.subset(np.flatnonzero(~mask), "train"),
        dataset.subset(np.flatnonzero(mask), "validation"),
    )


def keep_label_fraction(dataset: PointCloudDataset, fraction: float, seed: int = 0) -> PointCloudDataset:
    """A stratified share of a labelled data set, with at least one cloud of each class.

    Raises:
        ConfigError: for a fraction outside (0, 1].
        DataError: if the data set has no labels.
    """
    check_number("label_fraction", fraction, 0, 1, open_low=True)
    if fraction == 1.0:
        return dataset
    if not dataset.labelled:
        raise DataError(f"{dataset.name}: label_fraction={fraction} needs labels, and this data set has none")
    mask = stratified_choice(dataset.labels, fraction, seed, "label fraction", minimum=1)
    return dataset.subset(np.flatnonzero(mask))


def keep_labels_per_class(dataset: PointCloudDataset, count: int, seed: int = 0) -> PointCloudDataset:
    """So many clouds of each class, all of a class that has fewer; fewer of them are always among more of them.

    The draw of a class is a function of the seed and of that class's clouds only. The data set's order is kept.

    Raises:
        ConfigError: for a count below 1.
        DataError: if the data set has no labels.
    """
    check_integer("labels_per_class", count, 1)
    if not dataset.labelled:
        raise DataError(f"{dataset.name}: labels_per_class={count} needs labels, and this data set has none")
    chosen = [
        sample_generator(seed, 0, int(label) + 1, "labels per class").permutation(
            np.flatnonzero(dataset.labels == label)
        )[:count]
        for label in np.unique(dataset.labels)
    ]
    return dataset.subset(np.sort(np.concatenate(chosen)))
