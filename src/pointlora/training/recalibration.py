"""Running statistics computed anew from training clouds ("precise BatchNorm", Wu and Johnson, 2021).

In training the running statistics follow features that drift, and lag behind them: figures measured with them, and
whatever is chosen by these figures, are wrong until the learning rate has gone to zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, cast

import torch
from torch import Tensor, nn

from pointlora.data.loading import PointLoader
from pointlora.data.pending import finished
from pointlora.randomness import isolated_randomness

# A forward takes a third of a step's time, so that a third of the clouds takes a tenth of an epoch's.
_SHARE = 3
_MOST_CLOUDS = 1024


class Recalibration:
    """Recalibrates a model on a bounded number of training clouds, always the same.

    Args:
        loader: training clouds in random order, without augmentation. Its first epoch is taken.
        forward: a batch of it through the model.
    """

    def __init__(self, loader: PointLoader, forward: Callable[[Any], object]) -> None:
        self.loader, self.forward = loader, forward
        self._batches: list[Any] | None = None

    def __call__(self, model: nn.Module, device: torch.device) -> None:
        """Compute the statistics anew; the model's modes stay as they are."""
        if not drifting_norms(model):
            return
        recalibrate(model, (finished(batch_on(batch, device)) for batch in self.batches()), self.forward)

    def batches(self) -> Sequence[Any]:
        """The batches, read once and kept."""
        if self._batches is None:
            sampler: Any = self.loader.batch_sampler
            wanted = max(min(len(self.loader) // _SHARE, _MOST_CLOUDS // sampler.batch_size), 1)
            with isolated_randomness("recalibration"):  # a DataLoader draws from torch's global generator
                self._batches = list(islice(self.loader, wanted))
        return self._batches


def batch_on(batch: Any, device: torch.device) -> Any:
    """A batch with its tensors on a device."""
    from lightning.fabric.utilities import move_data_to_device

    return move_data_to_device(batch, device)


@torch.no_grad()
def recalibrate(model: nn.Module, batches: Iterable[Any], forward: Callable[[Any], object]) -> None:
    """Set the running statistics to the mean of those of the batches, each cloud counting once.

    Only those of norms that train on batch statistics; dropout and drop path are off.

    Args:
        model: left in the modes in which it was.
        batches: each with `index`, one entry a cloud.
        forward: puts a batch through the model.
    """
    norms = drifting_norms(model)
    buffers = [cast(Tensor, buffer) for norm in norms for buffer in (norm.running_mean, norm.running_var)]
    counts = [cast(Tensor, norm.num_batches_tracked) for norm in norms]
    before = [count.clone() for count in counts]
    sums = [torch.zeros_like(buffer, dtype=torch.float64) for buffer in buffers]
    clouds = 0
    with _only_training(model, norms):
        for batch in batches:
            for value in (*buffers, *counts):
                value.zero_()
            forward(batch)
            # From zero, a step moves a norm by so much of what it saw: several times where it is called several times.
            moved = [
                1 - (1 - cast(float, norm.momentum)) ** count.double()
                for norm, count in zip(norms, counts, strict=True)
            ]
            for index, buffer in enumerate(buffers):
                sums[index] += len(batch.index) * buffer.double() / moved[index // 2]
            clouds += len(batch.index)
    for buffer, total in zip(buffers, sums, strict=True):
        buffer.copy_(total / clouds)
    for count, value in zip(counts, before, strict=True):
        count.copy_(value)


def drifting_norms(model: nn.Module) -> list[nn.BatchNorm1d]:
    """The norms that train on batch statistics, whatever mode the model is in at present."""
    mode = {module: module.training for module in model.modules()}
    model.train()
    norms = [
        module
        for module in model.modules()
        if isinstance(module, nn.BatchNorm1d) and module.training and module.track_running_stats and module.momentum
    ]
    _restore(mode)
    return norms


@contextmanager
def _only_training(model: nn.Module, norms: Sequence[nn.Module]) -> Iterator[None]:
    """Within, the norms are in training mode and all else in evaluation mode."""
    mode = {module: module.training for module in model.modules()}
    model.eval()
    for norm in norms:
        norm.training = True
    try:
        yield
    finally:
        _restore(mode)


def _restore(mode: dict[nn.Module, bool]) -> None:
    for module, training in mode.items():
        module.training = training
