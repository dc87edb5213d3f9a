"""Batch normalisation over the batches of all processes, as if one process had seen the whole batch.

Every process contributes the mean and variance of its rows; in the backward, its two sums (Ioffe and Szegedy, ICML
2015, with both averages taken over all processes).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from pointlora.layers.batch_norm import RowBatchNorm
from pointlora.training.devices.collectives import several_processes


class SynchronizedBatchNorm(RowBatchNorm):
    """A `BatchNorm1d` of (rows, channels) whose training statistics are those of all processes' rows."""

    takes_relu = True
    runs_in_blocks = True

    def forward(self, rows: Tensor, relu: bool = False) -> Tensor:
        """Normalise rows (M, C), and with `relu` set negative results to zero; M may differ between processes."""
        if self.training and several_processes():
            mean, variance, count = self.common_statistics(*_statistics(rows.detach()), len(rows))
            self.move_running_statistics(mean, variance, count)
            result: Tensor = _Normalize.apply(rows, self.weight, self.bias, mean, variance, count, self.eps)
        else:
            result = nn.BatchNorm1d.forward(self, rows)
        return functional.relu(result, inplace=True) if relu else result

    def common_statistics(self, mean: Tensor, variance: Tensor, count: int) -> tuple[Tensor, Tensor, float]:
        if not several_processes():
            return mean, variance, count
        return combined(mean, variance, count)

    def common_sums(self, slope: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        if not several_processes():
            return slope, total
        # As `_Normalize` does it: another process may go that way, with fewer rows.
        both = torch.stack([total, slope]).to(_precise(total))
        distributed.all_reduce(both)
        return both[1].float(), both[0].float()


@contextlib.contextmanager
def synchronized_norms(model: nn.Module) -> Iterator[None]:
    """Within, every `BatchNorm1d` of the model is a synchronised one; its parameters and buffers stay the same."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    kinds = [type(norm) for norm in norms]
    for norm in norms:
        norm.__class__ = SynchronizedBatchNorm
    try:
        yield
    finally:
        for norm, kind in zip(norms, kinds, strict=True):
            norm.__class__ = kind


def combined(mean: Tensor, variance: Tensor, count: int) -> tuple[Tensor, Tensor, float]:
    """Mean and biased variance (C,) in float32, and number, of the rows of all processes, from those of the rows here.

    Bit-equal in all processes. Means and variances are combined, not sums of squares, which would cancel.
    """
    mine = torch.cat([mean.new_tensor([count], dtype=torch.float64), mean.double(), variance.double()])
    parts = [torch.empty_like(mine) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, mine)
    counts, means, variances = torch.stack(parts).split([1, len(mean), len(mean)], dim=1)
    total = counts.sum()
    mean = (counts * means).sum(0) / total
    variance = (counts * (variances + (means - mean).square())).sum(0) / total
    return mean.float(), variance.float(), float(total)


def _statistics(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (C,) of the rows (M, C) that are here."""
    variance, mean = torch.var_mean(rows.to(_precise(rows)), dim=0, correction=0)
    return mean, variance


def _precise(rows: Tensor) -> torch.dtype:
    """float64 on a CPU, which adds up a matrix row after row; a GPU adds in a tree, and is slow at float64."""
    return torch.float64 if rows.device.type == "cpu" else torch.float32


class _Normalize(torch.autograd.Function):
    """(rows - mean) * weight / sqrt(variance + eps) + bias, where mean and variance depend on all processes' rows."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, count: float, eps: float
    ) -> Tensor:
        inverse = (variance + eps).rsqrt()
        ctx.save_for_backward(rows, weight, mean, inverse)
        ctx.count = count
        return ((rows.float() - mean) * (inverse * weight) + bias).to(rows.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, mean, inverse = ctx.saved_tensors
        gradient, precise = gradients[0].float(), _precise(rows)
        normalized = (rows.float() - mean) * inverse
        own = torch.stack([gradient.sum(0, dtype=precise), (gradient * normalized).sum(0, dtype=precise)])
        common = own.clone()
        distributed.all_reduce(common)
        average, slope = (common / ctx.count).float()
        of_rows = ((gradient - average - normalized * slope) * (inverse * weight)).to(rows.dtype)
        # The gradients of weight and bias are averaged over the processes like those of all parameters.
        of_bias, of_weight = own.to(weight.dtype)
        found = [of_rows, of_weight, of_bias]
        needed = ctx.needs_input_grad[:3]
        return (*(value if need else None for value, need in zip(found, needed, strict=True)), *[None] * 4)
