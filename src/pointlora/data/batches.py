"""A torch data set that is asked for whole batches by key (epoch, index), and gives them out ready for a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from pointlora.data.checking import checked_cloud
from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.pending import pending_points
from pointlora.data.sampling import Key
from pointlora.data.transforms import PointTransform


class ClassificationBatch(NamedTuple):
    """One batch.

    Attributes:
        points: (B, n, 3) float32, or (B, n, 3 + F).
        labels: (B,) int64, -1 where there is none.
        index: (B,) int64, the samples' indices in the data set.
    """

    points: Tensor
    labels: Tensor
    index: Tensor  # type: ignore[assignment]  # hides tuple.index, which nobody needs here


class ClassificationLoaderDataset(Dataset[ClassificationBatch]):
    """Reads, checks and transforms the clouds of a batch together.

    Args:
        dataset: where the clouds come from.
        transform: what happens to them.
        min_points: fewest points a cloud may have (a model's group size: neighbours can't be found among fewer).
        pending: leave resampling and augmentation to the model's device: `points` are then `PendingPoints`, which
            `pointlora.data.pending.finished` turns into points there.
    """

    def __init__(
        self, dataset: PointCloudDataset, transform: PointTransform, min_points: int = 1, pending: bool = False
    ) -> None:
        self.dataset, self.transform = dataset, transform
        self.min_points, self.pending = min_points, pending

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: Key) -> ClassificationBatch:
        """A batch of the one sample `key` = (epoch, index)."""
        return self.__getitems__([key])

    def __getitems__(self, keys: Sequence[Key]) -> ClassificationBatch:
        """The batch of these samples, collated.

        Raises:
            DataError: if a cloud cannot be read, has too few points or holds NaN.
        """
        clouds = [checked_cloud(self.dataset, index, self.min_points) for _, index in keys]
        index = np.array([index for _, index in keys], dtype=np.int64)
        return ClassificationBatch(
            self._points(clouds, keys), torch.from_numpy(self.dataset.labels[index]), torch.from_numpy(index)
        )

    def _points(self, clouds: Sequence[NDArray[np.float32]], keys: Sequence[Key]) -> Tensor:
        if not self.pending:
            return torch.from_numpy(self.transform(clouds, keys))
        plan, drawn = self.transform.draw(clouds, keys)
        return cast(Tensor, pending_points(plan, self.transform.names, drawn, self.transform.where))
