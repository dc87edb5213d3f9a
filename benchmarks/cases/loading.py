"""Training batches from clouds in memory: normalise, thin out, draw, augment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointlora.data.datasets import PointCloudDataset
from pointlora.data.loading import make_loader
from pointlora.data.transforms import TransformConfig

from .. import costs
from ..plain.loading import training_batches
from ..settings import Case, Context

CLOUDS, POINTS, KEPT, OVERSAMPLE = 16, 8192, 1024, 1200


class Clouds(PointCloudDataset):
    """Clouds (n, N, 3) that lie in memory."""

    def __init__(self, points: NDArray[np.float32]) -> None:
        labels = np.arange(len(points)) % 4
        super().__init__("memory", "train", "abcd", labels, [f"cloud {number}" for number in range(len(points))])
        self.points = points

    def cloud(self, index: int) -> NDArray[np.float32]:
        return self.points[index]


def loading(context: Context) -> Case:
    """One batch, without worker processes."""
    points = context.clouds(CLOUDS, POINTS).cpu().numpy()
    dataset = Clouds(points)
    loader = make_loader(dataset, TransformConfig(num_points=KEPT, oversample=OVERSAMPLE / KEPT), CLOUDS)
    variants = {
        "ours": lambda: list(loader),
        "plain": lambda: list(training_batches(points, dataset.labels, CLOUDS, KEPT, OVERSAMPLE)),
    }
    return Case(variants, costs.sampling(CLOUDS, POINTS, OVERSAMPLE))
