"""Training batches the plain way: one cloud at a time in the loader, then sampling and augmentation of the batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .geometry import farthest_points, pick_points


class Clouds(Dataset[tuple[Tensor, int]]):
    """Clouds (n, N, 3), each centred and scaled into the unit sphere as it is asked for."""

    def __init__(self, points: np.ndarray, labels: np.ndarray) -> None:
        self.points, self.labels = points, labels

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        cloud = self.points[index] - self.points[index].mean(axis=0)
        cloud = cloud / np.max(np.sqrt(np.sum(cloud**2, axis=1)))
        return torch.from_numpy(cloud).float(), int(self.labels[index])


def training_batches(
    points: np.ndarray, labels: np.ndarray, batch_size: int, num_points: int, oversample: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches: farthest points to `oversample`, a random `num_points` of them, random scale and shift."""
    for batch, target in DataLoader(Clouds(points, labels), batch_size, shuffle=True, drop_last=True):
        batch = pick_points(batch, farthest_points(batch, oversample))
        batch = batch[:, np.random.default_rng().choice(oversample, num_points, replace=False)]
        for cloud in batch:
            scale = np.random.default_rng().uniform(2 / 3, 3 / 2, size=3)
            shift = np.random.default_rng().uniform(-0.2, 0.2, size=3)
            cloud.mul_(torch.from_numpy(scale).float()).add_(torch.from_numpy(shift).float())
        yield batch, target
