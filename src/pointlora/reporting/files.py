"""Clouds of single files: read one by one, those that can't be read left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointlora.data.transforms import PointTransform, TransformConfig
from pointlora.errors import DataError

# A file to its raw cloud (N, 3 + F), turned as the model wants it, and the colours (N, 3) that the file has.
ReadCloud = Callable[[Path], tuple[NDArray[np.float32], NDArray[np.uint8] | None]]


class FileClouds:
    """Files as batches of prepared clouds.

    Args:
        files: to read.
        read: how.
        transform: how clouds are prepared.
        batch_size: clouds at a time.

    Attributes:
        good: the files that were read, in order; complete when `batches` is exhausted.
    """

    def __init__(
        self, files: Sequence[Path], read: ReadCloud, transform: TransformConfig, batch_size: int = 32
    ) -> None:
        self.files, self.read, self.batch_size = files, read, batch_size
        self.transform = PointTransform(transform, train=False)
        self.good: list[Path] = []

    def batches(self) -> Iterator[Tensor]:
        """Tensors (B, N, 3 + F)."""
        self.good, clouds = [], []
        for path in self.files:
            try:
                clouds.append(self.read(path)[0])
            except (DataError, OSError):
                continue
            self.good.append(path)
            if len(clouds) == self.batch_size:
                yield self._prepared(clouds)
                clouds = []
        if clouds:
            yield self._prepared(clouds)

    def _prepared(self, clouds: list[NDArray[np.float32]]) -> Tensor:
        return torch.from_numpy(self.transform(clouds, [(0, index) for index in range(len(clouds))]))
