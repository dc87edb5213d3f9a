"""Batches of clouds with part labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pointlora.data.checking import check_cloud
from pointlora.data.loading import PointLoader, loader_over
from pointlora.data.parts.base import LabelledCloud, PartDataset
from pointlora.data.parts.transforms import PartTransform
from pointlora.data.sampling import EpochBatchSampler, Key
from pointlora.data.transforms import TransformConfig


class PartBatch(NamedTuple):
    """One batch.

    Attributes:
        points: (B, n, 3) float32, what the network sees.
        parts: (B, M) int64 labels of the points to label; -1 for those that don't count.
        category: (B,) int64.
        index: (B,) int64, the samples' indices in the data set.
        queries: (B, M, 3) float32, the points to label; None where they are `points` themselves.
    """

    points: Tensor
    parts: Tensor
    category: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    queries: Tensor | None = None


class PartLoaderDataset(Dataset[PartBatch]):
    """Reads, checks and transforms the clouds of a batch together.

    Args:
        dataset: where the clouds come from.
        transform: what happens to them.
        min_points: fewest points a cloud may have.
    """

    def __init__(self, dataset: PartDataset, transform: PartTransform, min_points: int = 1) -> None:
        self.dataset, self.transform, self.min_points = dataset, transform, min_points

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: Key) -> PartBatch:
        """A batch of the one sample `key` = (epoch, index)."""
        return self.__getitems__([key])

    def __getitems__(self, keys: Sequence[Key]) -> PartBatch:
        """The batch of these samples, collated.

        Raises:
            DataError: if a cloud cannot be read, has too few points, holds NaN, or has labels that are no parts.
        """
        made = self.transform([self._cloud(index) for _, index in keys], keys)
        index = np.array([index for _, index in keys], dtype=np.int64)
        return PartBatch(
            torch.from_numpy(made.points),
            torch.from_numpy(made.parts),
            torch.from_numpy(self.dataset.labels[index]),
            torch.from_numpy(index),
            None if made.queries is None else torch.from_numpy(made.queries),
        )

    def _cloud(self, index: int) -> LabelledCloud:
        points, parts = self.dataset.labelled_cloud(index)
        check_cloud(points, self.dataset.sources[index], self.min_points)
        return points, parts


def make_part_loader(
    dataset: PartDataset,
    transform: PartTransform | TransformConfig,
    batch_size: int,
    *,
    seed: int = 0,
    train: bool = True,
    workers: int = 0,
    **order: Any,
) -> PointLoader:
    """A loader of `PartBatch`es.

    With a configuration, training batches hold the labels of the points that the network sees, others those of every
    point of each cloud.

    Args:
        dataset, transform, batch_size, seed, train, workers: as for `pointlora.data.make_loader`.
        order: of the samples: other arguments of `EpochBatchSampler`; `shuffle` is by default the same as `train`.
    """
    if isinstance(transform, TransformConfig):
        transform = PartTransform(transform, train=train, seed=seed, queries=not train)
    order = {"shuffle": train, **order}
    sampler = EpochBatchSampler(len(dataset), batch_size, seed, blocks=dataset.blocks(), **order)
    return loader_over(PartLoaderDataset(dataset, transform), sampler, workers=workers)


class VotingSampler(EpochBatchSampler):
    """Each batch of the data set in its order, so many times in a row; the epoch of a key is the vote's number."""

    def __init__(self, size: int, batch_size: int, votes: int) -> None:
        self.votes = votes
        super().__init__(size, batch_size, shuffle=False)

    def __len__(self) -> int:
        return self.votes * super().__len__()

    def __iter__(self) -> Iterator[list[Key]]:
        for keys in super().__iter__():
            for vote in range(self.votes):
                yield [(vote, index) for _, index in keys]


def part_voting_batches(
    dataset: PartDataset, config: TransformConfig, batch_size: int, votes: int, *, seed: int = 0, workers: int = 0
) -> Iterator[PartBatch]:
    """Each batch `votes` times in a row: every time the network sees another random subset and augmentation of its
    clouds, and labels every point of them, which are moved and stretched alike.

    Vote v of cloud i is a function of (seed, v, i).
    """
    transform = PartTransform(config, train=True, seed=seed, queries=True)
    sampler = VotingSampler(len(dataset), batch_size, votes)
    yield from loader_over(PartLoaderDataset(dataset, transform), sampler, workers=workers)
