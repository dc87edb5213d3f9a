"""Pre-training on clouds that were made ahead and lie on the device: a batch travels there as numbers of clouds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.loading import PointLoader, loader_over
from pointlora.data.sampling import Key, sample_generator
from pointlora.models.two_views import OwnView
from pointlora.randomness import derive_seed
from pointlora.training.devices.world import current_world
from pointlora.training.pretraining.batches import PretrainingBatch
from pointlora.training.pretraining.data import StreamSampler
from pointlora.training.pretraining.device_views import FIRST, SECOND, make_views


class NumberedBatch(NamedTuple):
    """A batch on its way.

    Attributes:
        index: (B,) numbers of clouds.
        key: (epoch, number of the first cloud), which with the run's seed decides its views.
    """

    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    key: tuple[int, int]


class ResidentClouds:
    """Clouds in memory, and the views that a step trains on.

    Args:
        clouds: (n, P, 3) float16.
        labels: (n,) -1 where there is none.
        corpus: (m, P, 3) float16 of further ones without labels, or None.
        share: of a batch that comes from the corpus.
        num_points: N of a view.
        num_groups: patches of a view, G.
        hidden: how many patches the first and the second view hide.
        up_axis: x, y or z.
        seed: of the run.
    """

    def __init__(
        self,
        clouds: np.ndarray,
        labels: np.ndarray,
        corpus: np.ndarray | None,
        share: float,
        num_points: int,
        num_groups: int,
        hidden: tuple[int, int],
        up_axis: str,
        seed: int,
    ) -> None:
        self.clouds = torch.from_numpy(np.ascontiguousarray(clouds))
        self.labels = torch.from_numpy(labels.astype(np.int64))
        self.corpus = None if corpus is None else torch.from_numpy(np.ascontiguousarray(corpus))
        self.share = 0.0 if corpus is None else share
        self.num_points, self.num_groups, self.hidden = num_points, num_groups, hidden
        self.up, self.seed = "xyz".index(up_axis), seed

    def __len__(self) -> int:
        return len(self.clouds)

    def move(self, device: torch.device) -> None:
        """All clouds to a device."""
        self.clouds, self.labels = self.clouds.to(device), self.labels.to(device)
        if self.corpus is not None:
            self.corpus = self.corpus.to(device)

    @torch.no_grad()
    def batch(self, numbered: NumberedBatch, rank: int = 0) -> PretrainingBatch:
        """Two views of each cloud, on the device that the clouds lie on."""
        device, index = self.clouds.device, numbered.index
        generator = torch.Generator(device).manual_seed(derive_seed("views", self.seed, *numbered.key, rank))
        index = index.to(device, non_blocking=True)
        points, labels = self.clouds[index], self.labels[index]
        count = round(self.share * len(index))
        if self.corpus is not None and count:
            drawn = torch.randint(len(self.corpus), (count,), device=device, generator=generator)
            points = torch.cat([self.corpus[drawn], points[count:]])
            labels = torch.cat([labels.new_full((count,), -1), labels[count:]])
        points = points.float()
        first, second = (make_views(points, self.num_points, self.up, each, generator) for each in (FIRST, SECOND))
        order = torch.rand(2 * len(index), self.num_groups, device=device, generator=generator).argsort(1)
        ranks, others = order.chunk(2)
        view = OwnView(second, others < self.hidden[1], self.hidden[1])
        return PretrainingBatch(first, labels, index, ranks < self.hidden[0], view)


def read_ahead(dataset: PointCloudDataset, num_points: int, seed: int) -> np.ndarray:
    """All clouds of a data set, (n, num_points, 3) float16 in the unit sphere: random points of each, repeated where it
    has too few.
    """
    clouds = np.empty((len(dataset), num_points, 3), np.float16)
    for number in range(len(dataset)):
        points = dataset.cloud(number)[:, :3]
        order = sample_generator(seed, 0, number, "ahead").permutation(len(points))
        points = points[order[np.arange(num_points) % len(order)]]
        centred = points - points.mean(0)
        clouds[number] = centred / max(float(np.sqrt((centred**2).sum(1).max())), 1e-12)
    return clouds


def resident_loader(clouds: ResidentClouds, samples_per_epoch: int, batch_size: int, seed: int) -> PointLoader:
    """This process's part of shuffled batches, by number."""
    sampler = StreamSampler(len(clouds), samples_per_epoch, batch_size, seed, current_world())
    return loader_over(_Numbers(), sampler)


class _Numbers:
    """Batches by number: nothing is read, so there is nothing to count either."""

    def __len__(self) -> int:
        return 0

    def __getitems__(self, keys: Sequence[Key]) -> NumberedBatch:
        index = torch.tensor([index for _, index in keys])
        return NumberedBatch(index, keys[0])
