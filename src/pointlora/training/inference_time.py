"""How long a model takes for a cloud while it is measured."""

from __future__ import annotations

import statistics
import time
from typing import Any

import torch
from torch import Tensor, nn


class TimedModel(nn.Module):
    """A model whose forward passes are timed from the outside; what it computes stays the same.

    Reading and preparing the clouds doesn't count. No hook is set, which would turn off fast paths.

    Args:
        model: takes a batch of clouds (B, ...) first.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.training = model.training
        self._times: list[float] = []

    def forward(self, points: Tensor, *more: Any) -> Any:
        _wait_for(points)
        begin = time.perf_counter()
        output = self.model(points, *more)
        _wait_for(points)
        self._times.append((time.perf_counter() - begin) / len(points))
        return output

    @property
    def seconds_per_cloud(self) -> float | None:
        """Median over the batches of the time of a batch by its clouds; None before the first."""
        return statistics.median(self._times) if self._times else None


def _wait_for(points: Tensor) -> None:
    if points.is_cuda:
        torch.cuda.synchronize(points.device)
