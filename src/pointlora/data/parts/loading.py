"""Batches of clouds with part labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

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
from pointlora.errors import ConfigError


class PartBatch(NamedTuple):
    """One batch.

    Attributes:
        points: (B, n, 3) float32, what the network sees.
        parts: (B, M) int64 labels of the points to label; -1 for padding.
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
    shuffle: bool | None = None,
    drop_last: bool = False,
    workers: int = 0,
    rank: int = 0,
    world_size: int = 1,
) -> PointLoader:
    """A loader of `PartBatch`es; arguments are those of `pointlora.data.make_loader`.

    With a configuration, training batches hold the labels of the points that the network sees, others those of every
    point of each cloud.
    """
    if workers < 0:
        raise ConfigError(f"workers must be at least 0, got {workers}")
    if isinstance(transform, TransformConfig):
        transform = PartTransform(transform, train=train, seed=seed, queries=not train)
    sampler = EpochBatchSampler(
        len(dataset),
        batch_size,
        seed=seed,
        shuffle=train if shuffle is None else shuffle,
        drop_last=drop_last,
        rank=rank,
        world_size=world_size,
        blocks=dataset.blocks(),
    )
    return loader_over(PartLoaderDataset(dataset, transform), sampler, workers=workers)


def part_voting_batches(
    dataset: PartDataset, config: TransformConfig, batch_size: int, votes: int, *, seed: int = 0, workers: int = 0
) -> Iterator[PartBatch]:
    """Each cloud `votes` times: every time the network sees another random subset and augmentation of it, and labels
    every point of the cloud, which is moved and stretched alike.

    Vote v of cloud i is a function of (seed, v, i). All batches of vote 0 come first, in the order of the data set.
    """
    transform = PartTransform(config, train=True, seed=seed, queries=True)
    loader = make_part_loader(dataset, transform, batch_size, seed=seed, shuffle=False, workers=workers)
    for vote in range(votes):
        loader.batch_sampler.set_epoch(vote)  # type: ignore[union-attr]
        yield from loader
