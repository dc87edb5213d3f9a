"""Few-shot folds drawn from any classification data set: a fold is a data set itself.

The papers' protocol (Sharma and Kaul, "Self-supervised few-shot learning on point clouds", NeurIPS 2020; Point-BERT and
its successors): w classes at random, k clouds of each to learn from, 20 unseen ones of each to test on, ten folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_choice, check_integer
from pointlora.data.datasets.base import PointCloudDataset, SubsetDataset
from pointlora.data.datasets.paths import Root, check_split
from pointlora.data.sampling import sample_generator
from pointlora.errors import ConfigError, DataError

QUERY_SPLITS = ("test", "train")


class FoldDataset(SubsetDataset):
    """Some clouds of some classes of another data set; the labels are the positions in `classes`."""

    def __init__(
        self, parent: PointCloudDataset, indices: Sequence[int] | NDArray[np.int64], classes: Sequence[int], split: str
    ) -> None:
        super().__init__(parent, indices, split)
        self.name = "fewshot"
        self.class_names = tuple(parent.class_names[label] for label in classes)
        self.labels = np.searchsorted(np.asarray(classes, np.int64), self.labels).astype(np.int64)


def open_fewshot(
    root: Root,
    split: str = "train",
    source: str = "modelnet40",
    ways: int = 5,
    shots: int = 10,
    fold: int = 0,
    queries: int = 20,
    query_split: str = "test",
    seed: int = 0,
    source_options: Mapping[str, Any] | None = None,
    cache: str = "off",
) -> PointCloudDataset:
    """A part of fold number `fold`, which depends on the arguments alone, not on other folds.

    Args:
        root: of the data set that is drawn from.
        split: `train` is the support (`shots` clouds per class), `test` the queries.
        source: name of the data set that is drawn from.
        ways: classes per fold.
        shots: support clouds per class; more of them contain fewer of them, if the fold has the same classes.
        fold: number of the fold.
        queries: query clouds per class.
        query_split: where queries come from: `test`, or the rest of `train`. Some training splits hold several views
            of the same object (ScanObjectNN's pb_t50_rs), so that queries from their rest aren't unseen ones.
        seed: chooses the folds.
        source_options: options of `source`.
        cache: see `open_dataset`.

    Raises:
        ConfigError: for an unknown name or a number that makes no sense.
        DataError: if the source can't be read, has no labels, or too few of its classes have enough clouds.
    """
    from pointlora.data.datasets.registry import open_dataset

    check_split(split, ("train", "test"))
    check_fold_numbers(ways=ways, shots=shots, queries=queries, fold=fold)
    check_choice("query_split", query_split, QUERY_SPLITS)
    if source in ("fewshot", "fewshot_files"):
        raise ConfigError(f"source of few-shot folds is {source!r}, which holds folds already")
    options = dict(source_options or {})
    train = open_dataset(source, root, "train", cache=cache, **options)
    held_out = train if query_split == "train" else open_dataset(source, root, "test", cache=cache, **options)
    for part in (train, held_out):
        if not part.labelled:
            raise DataError(f"data set {source}: the {part.split} split has no labels to draw few-shot folds by")
    if held_out.class_names != train.class_names:
        raise DataError(f"data set {source}: training and test classes differ")
    classes = draw_classes(train, held_out, ways, shots, queries, fold, seed)
    queried = draw_clouds(held_out, classes, queries, fold, seed, "few-shot queries")
    if split == "test":
        return FoldDataset(held_out, queried, classes, "test")
    taken = queried if held_out is train else queried[:0]
    return FoldDataset(
        train, draw_clouds(train, classes, shots, fold, seed, "few-shot support", taken), classes, "train"
    )


def check_fold_numbers(*, ways: int, shots: int, queries: int = 1, fold: int = 0) -> None:
    """Numbers of a fold must make sense.

    Raises:
        ConfigError: naming the first that doesn't.
    """
    for name, value, least in (("ways", ways, 2), ("shots", shots, 1), ("queries", queries, 1), ("fold", fold, 0)):
        check_integer(name, value, least, 10**6)


def draw_classes(
    train: PointCloudDataset, held_out: PointCloudDataset, ways: int, shots: int, queries: int, fold: int, seed: int
) -> list[int]:
    """The classes of a fold, in increasing order; classes with too few clouds are left out.

    Raises:
        DataError: if fewer than `ways` are left, naming those that were left out.
    """
    if held_out is train:
        enough = train.class_counts() >= shots + queries
        needed = f"{shots + queries} clouds in the train split ({shots} shots and {queries} queries)"
    else:
        enough = (train.class_counts() >= shots) & (held_out.class_counts() >= queries)
        needed = f"{shots} clouds in the train split and {queries} in the {held_out.split} split"
    usable = np.flatnonzero(enough)
    if len(usable) < ways:
        few = [name for name, fine in zip(train.class_names, enough, strict=True) if not fine]
        without = f" (not {', '.join(few[:5])}{' …' if len(few) > 5 else ''})" if few else ""
        raise DataError(
            f"data set {train.name}: {len(usable)} classes have {needed}{without}, and folds of {ways} classes are "
            "drawn: lower ways, shots or queries"
        )
    generator = sample_generator(seed, fold, 0, "few-shot classes")
    return sorted(generator.permutation(usable)[:ways].tolist())


def draw_clouds(
    dataset: PointCloudDataset,
    classes: Sequence[int],
    count: int,
    fold: int,
    seed: int,
    purpose: str,
    taken: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """`count` clouds of each class, in the data set's order.

    Args:
        dataset: where from.
        classes: which classes.
        count: clouds per class.
        fold, seed, purpose: determine the draw, for each class by itself.
        taken: clouds that must not be drawn.
    """
    free = np.ones(len(dataset), dtype=bool)
    if taken is not None:
        free[taken] = False
    chosen = []
    for label in classes:
        members = np.flatnonzero(free & (dataset.labels == label))
        # Seeded by the label itself: other classes in the fold don't change the choice within this one.
        chosen.append(sample_generator(seed, fold, label + 1, purpose).permutation(members)[:count])
    return np.sort(np.concatenate(chosen)).astype(np.int64)
