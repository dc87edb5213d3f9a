"""Batch normalisation of (rows, channels) whose statistics stay exact for hundreds of thousands of rows.

On a CPU, torch adds up such a matrix row after row, and a float32 sum of 16,384 rows loses two digits: after the head's
own small batches that moved logits by 1e-4. Here the rows are taken in blocks that fit the cache, shifted by the first
block's mean, and the blocks' sums added: exact to the last digit, at no extra pass over memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_BLOCK = 1 << 19  # elements; 2 MB of float32


class RowBatchNorm(nn.BatchNorm1d):
    """`BatchNorm1d` for (rows, channels) with exact batch statistics on the CPU (Ioffe and Szegedy, ICML 2015)."""

    def forward(self, rows: Tensor) -> Tensor:
        if not self.training or rows.device.type != "cpu" or torch.compiler.is_compiling():
            return super().forward(rows)
        mean, variance = row_statistics(rows.detach())
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        with torch.no_grad():
            count = rows.shape[0]
            self.running_mean.lerp_(mean, self.momentum or 0.0)
            self.running_var.lerp_(variance * (count / max(count - 1, 1)), self.momentum or 0.0)
            self.num_batches_tracked.add_(1)
        return _Normalize.apply(rows, self.weight, self.bias, mean, variance, self.eps)


def row_statistics(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (C,) of each column of (M, C), in float32."""
    count, width = rows.shape
    blocks = rows.split(max(_BLOCK // width, 1))
    shift = blocks[0].float().mean(0)
    total, squares = torch.zeros_like(shift), torch.zeros_like(shift)
    buffer = torch.empty(blocks[0].shape, dtype=torch.float32)
    for block in blocks:
        centered = torch.sub(block, shift, out=buffer[: len(block)])
        total += centered.sum(0)
        squares += centered.square_().sum(0)
    mean = total / count
    return shift + mean, (squares / count - mean * mean).clamp_(min=0)


class _Normalize(torch.autograd.Function):
    """Normalise with given batch statistics; the backward is that of batch normalisation in training."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(rows, weight, mean, (variance + eps).rsqrt())
        ctx.eps = eps
        return torch.native_batch_norm(rows, weight, bias, mean, variance, False, 0.0, eps)[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, mean, inverse = ctx.saved_tensors
        needed = [*ctx.needs_input_grad[:3]]
        found = torch.ops.aten.native_batch_norm_backward(
            gradients[0].contiguous(), rows, weight, None, None, mean, inverse, True, ctx.eps, needed
        )
        return (*(value if need else None for value, need in zip(found, needed, strict=True)), None, None, None)
