"""Batch normalisation of (rows, channels) whose statistics stay exact for hundreds of thousands of rows.

On a CPU, torch adds up such a matrix row after row, and a float32 sum of 16,384 rows loses two digits: after the head's
own small batches that moved logits by 1e-4. Here the rows are taken in blocks that fit the cache, shifted by the first
block's mean, and the blocks' sums added: exact to the last digit, at no extra pass over memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_BLOCK = 1 << 19  # elements; 2 MB of float32


class RowBatchNorm(nn.BatchNorm1d):
    """`BatchNorm1d` for (rows, channels) with exact batch statistics on the CPU (Ioffe and Szegedy, ICML 2015)."""

    def forward(self, rows: Tensor, relu: bool = False) -> Tensor:
        """Normalise rows (M, C), and with `relu` set negative results to zero.

        Done together, the two keep only `rows` for the backward; done apart, their results as well.
        """
        if not self.training or rows.device.type != "cpu" or torch.compiler.is_compiling():
            normalized = super().forward(rows)
            return F.relu(normalized, inplace=True) if relu else normalized
        mean, variance = row_statistics(rows.detach())
        self.move_running_statistics(mean, variance, len(rows))
        return _Normalize.apply(rows, self.weight, self.bias, mean, variance, self.eps, relu)

    def running_statistics(self) -> tuple[Tensor, Tensor]:
        """Copies of the running mean and variance (C,)."""
        assert self.running_mean is not None
        assert self.running_var is not None
        return self.running_mean.clone(), self.running_var.clone()

    @torch.no_grad()
    def move_running_statistics(self, mean: Tensor, variance: Tensor, count: float) -> None:
        """Move the running statistics toward the mean and the biased variance of `count` rows, if they are tracked."""
        if not self.track_running_stats:
            return
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum or 0.0)
        self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum or 0.0)
        self.num_batches_tracked.add_(1)


def row_statistics(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (C,) of each column of (M, C), in float32."""
    return block_statistics(rows.split(block_length(rows.shape[1])))


def block_length(channels: int) -> int:
    """How many rows of so many channels are a block that fits the cache."""
    return max(_BLOCK // channels, 1)


def block_statistics(blocks: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (C,) of the columns of blocks of rows, in float32; no block is larger than the first."""
    shift = buffer = total = squares = torch.empty(0)
    count = 0
    for block in blocks:
        if not count:
            shift = block.float().mean(0)
            total, squares = torch.zeros_like(shift), torch.zeros_like(shift)
            buffer = torch.empty(block.shape, dtype=torch.float32)
        centered = torch.sub(block, shift, out=buffer[: len(block)])
        total += centered.sum(0)
        squares += centered.square_().sum(0)
        count += len(block)
    mean = total / count
    return shift + mean, (squares / count - mean * mean).clamp_(min=0)


def normalize(
    rows: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float, relu: bool = True
) -> Tensor:
    """Rows (M, C) normalised with given statistics; no gradient."""
    normalized = torch.native_batch_norm(rows, weight, bias, mean, variance, False, 0.0, eps)[0]
    return normalized.relu_() if relu else normalized


class _Normalize(torch.autograd.Function):
    """Normalise with given batch statistics; the backward is that of batch normalisation in training."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float, relu: bool
    ) -> Tensor:
        ctx.save_for_backward(rows, weight, bias, mean, (variance + eps).rsqrt())
        ctx.eps, ctx.relu = eps, relu
        return normalize(rows, weight, bias, mean, variance, eps, relu)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, bias, mean, inverse = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        if ctx.relu:
            gradient = _where_positive(gradient, rows, weight * inverse, bias - mean * weight * inverse)
        needed = [*ctx.needs_input_grad[:3]]
        found = torch.ops.aten.native_batch_norm_backward(
            gradient, rows, weight, None, None, mean, inverse, True, ctx.eps, needed
        )
        return (*(value if need else None for value, need in zip(found, needed, strict=True)), *[None] * 4)


def _where_positive(gradient: Tensor, rows: Tensor, factor: Tensor, shift: Tensor) -> Tensor:
    """The gradient where rows * factor + shift is positive, else 0; (M, C), in blocks that fit the cache."""
    result = torch.empty_like(gradient)
    size = block_length(rows.shape[1])
    for block, passed, out in zip(rows.split(size), gradient.split(size), result.split(size), strict=True):
        pass_positive(passed, torch.addcmul(shift, block.float(), factor), out)
    return result


def pass_positive(gradient: Tensor, values: Tensor, out: Tensor) -> Tensor:
    """The gradient where the values are positive, else 0; a quarter of the time of comparing and multiplying.

    Args:
        gradient: (M, C) float32 or bfloat16.
        values: (M, C) float32; rounded to bfloat16, what is positive stays so.
        out: (M, C) takes the result; it may be the gradient itself.
    """
    threshold = torch.ops.aten.threshold_backward.grad_input
    return threshold(gradient, values.to(gradient.dtype), 0, grad_input=out)  # type: ignore[no-any-return]
