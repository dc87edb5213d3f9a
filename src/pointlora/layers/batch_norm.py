"""Batch normalisation of (rows, channels) whose statistics stay exact for hundreds of thousands of rows.

On a CPU, torch adds up such a matrix row after row, and a float32 sum of 16,384 rows loses two digits: after the head's
own small batches that moved logits by 1e-4. Here the rows are taken in blocks that fit the cache, and the statistics of
the blocks are joined: exact to the last digit, at no extra pass over memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora import fast_paths
from pointlora.layers.plain import is_plain, is_unwatched
from pointlora.torch_private import batch_norm, batch_norm_backward, batch_statistics, keep_where_positive

_BLOCK = 1 << 19  # elements; 2 MB of float32


class OwnStatistics(NamedTuple):
    """Statistics that depend on the rows they normalise.

    Attributes:
        common_sums: of the norm.
        count: of all rows that are normalised together.
    """

    common_sums: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
    count: float  # type: ignore[assignment]  # hides tuple.count, which nobody needs here


class RowBatchNorm(nn.BatchNorm1d):
    """`BatchNorm1d` for (rows, channels) with exact batch statistics on the CPU (Ioffe and Szegedy, ICML 2015).

    Attributes:
        takes_relu: whether this very class, not one that it derives from, can do the ReLU behind it as well.
        runs_in_blocks: whether stages that work block by block may take the place of a layer of this very class, asking
            its `common_statistics` and `common_sums`.
    """

    takes_relu = True
    runs_in_blocks = True

    def forward(self, rows: Tensor, relu: bool = False) -> Tensor:
        """Normalise rows (M, C), and with `relu` set negative results to zero.

        Done together, the two keep only `rows` for the backward; done apart, their results as well.
        """
        if not self.training or rows.device.type != "cpu" or torch.compiler.is_compiling() or not fast_paths.enabled():
            normalized = super().forward(rows)
            return F.relu(normalized, inplace=True) if relu else normalized
        mean, variance = row_statistics(rows.detach())
        self.move_running_statistics(mean, variance, len(rows))
        return _Normalize.apply(rows, self.weight, self.bias, mean, variance, self.eps, relu)

    def common_statistics(self, mean: Tensor, variance: Tensor, count: int) -> tuple[Tensor, Tensor, float]:
        """Mean, biased variance (C,) and number of all rows that are normalised together, from those that are here."""
        return mean, variance, count

    def common_sums(self, slope: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients (C,) of weight and bias over all rows that are normalised together, from those of the rows here."""
        return slope, total

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


def is_known_norm(layer: nn.Module) -> bool:
    """Whether the layer's very class runs in blocks."""
    return "runs_in_blocks" in vars(type(layer))


def run_layers(layers: Iterable[nn.Module], rows: Tensor) -> Tensor:
    """The layers on (M, C), each BatchNorm together with the ReLU behind it, which keeps less for the backward."""
    waiting = deque(layers)
    while waiting:
        layer = waiting.popleft()
        if waiting and _takes(layer, waiting[0]):
            waiting.popleft()
            rows = layer(rows, relu=True)
        else:
            rows = layer(rows)
    return rows


def _takes(norm: nn.Module, behind: nn.Module) -> bool:
    """Whether the norm can do the layer behind it as well, and neither is watched."""
    return "takes_relu" in vars(type(norm)) and is_unwatched(norm) and is_plain(behind, nn.ReLU)


def row_statistics(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (C,) of each column of (M, C), in float32."""
    return block_statistics(rows.split(block_length(rows.shape[1])))


def block_length(channels: int) -> int:
    """How many rows of so many channels are a block that fits the cache."""
    return max(_BLOCK // channels, 1)


def block_statistics(blocks: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (C,) of the columns of blocks of rows, in float32.

    Each block's own are joined with those of the blocks before it (Chan, Golub and LeVeque, 1979).
    """
    count, mean, squares = 0, torch.zeros(()), torch.zeros(())
    shift = zero = buffer = torch.empty(0)
    for block in blocks:
        precise = block.dtype == torch.float32
        if not count:
            zero, buffer = torch.zeros(block.shape[1]), torch.empty_like(block)
            shift = block.mean(0) if precise else zero
        # Near zero, a float32 sum loses nothing that counts; of bfloat16 numbers it never does.
        centered = torch.sub(block, shift, out=buffer[: len(block)]) if precise else block.contiguous()
        # The result has the type of the running statistics, which stay as they are.
        own, variance = batch_statistics(centered, zero)
        step, count = own - mean, count + len(block)
        share = len(block) / count
        mean = mean + share * step
        squares = squares + len(block) * (variance + (1 - share) * step * step)
    return shift + mean, squares / count


def normalize(
    rows: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float, relu: bool = True
) -> Tensor:
    """Rows (M, C) normalised with given statistics; no gradient."""
    normalized = batch_norm(rows, weight, bias, mean, variance, eps)
    return normalized.relu_() if relu else normalized


def pass_back(
    gradient: Tensor, rows: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Back through `normalize` with its ReLU, up to the rows' part in the statistics.

    Args:
        gradient: (M, C) of the results.
        rows: (M, C) that were normalised.
        weight, bias, mean, variance, eps: (C,) and a number, with which they were.

    Returns:
        the gradient (M, C) where the results are positive, and float32 gradients (C,) of `weight` and `bias`.
    """
    results = normalize(rows, weight, bias, mean, variance, eps, relu=False)
    passed = keep_where_positive(gradient, results, out=results)
    of_parameters = [False, True, True]
    _, slope, total = batch_norm_backward(passed, rows, weight, (mean, variance), False, eps, of_parameters)
    return passed, slope, total


def mean_gradients(depends: OwnStatistics | None, slope: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
    """What `through_statistics` wants to know, from the gradients (C,) of weight and bias over the rows here.

    Args:
        depends: of the statistics on the rows; None where they were given.
        slope, total: (C,).
    """
    if depends is None:
        return torch.zeros_like(slope), torch.zeros_like(total)
    slope, total = depends.common_sums(slope, total)
    return slope / depends.count, total / depends.count


def through_statistics(
    passed: Tensor, rows: Tensor, weight: Tensor, mean: Tensor, inverse: Tensor, slope: Tensor, total: Tensor
) -> Tensor:
    """The gradient of the rows: factor * passed + tilt * rows + level, with three numbers a channel.

    Args:
        passed: (M, C) what `pass_back` has returned.
        rows: (M, C).
        weight, mean, inverse: (C,) of the norm; 1 / sqrt(variance + eps).
        slope, total: (C,) gradients of `weight` and `bias` over all blocks, divided by the number of rows of which the
            statistics are; 0 where they were given.
    """
    factor = weight * inverse
    tilt = -factor * inverse * slope
    level = -factor * total - mean * tilt
    if rows.dtype == torch.float32:
        return torch.addcmul(level, rows, tilt).addcmul_(passed, factor)
    # torch's batch normalisation is the one operation here that takes bfloat16 and float32 together without copies.
    zero, one = torch.zeros_like(mean), torch.ones_like(mean)
    result = normalize(passed, factor, level, zero, one, 0.0, relu=False)
    return result.add_(normalize(rows, tilt, zero, zero, one, 0.0, relu=False))


class _Normalize(torch.autograd.Function):
    """Normalise with given batch statistics; the backward is that of batch normalisation in training."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float, relu: bool
    ) -> Tensor:
        ctx.save_for_backward(rows, weight, bias, mean, variance)
        ctx.eps, ctx.relu = eps, relu
        return normalize(rows, weight, bias, mean, variance, eps, relu)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight, bias, mean, variance = ctx.saved_tensors
        gradient, inverse = gradients[0].contiguous(), (variance + ctx.eps).rsqrt()
        if ctx.relu:
            gradient = _where_positive(gradient, rows, (weight, bias, mean, variance, ctx.eps))
        needed = [*ctx.needs_input_grad[:3]]
        found = batch_norm_backward(gradient, rows, weight, (mean, inverse), True, ctx.eps, needed)
        return (*(value if need else None for value, need in zip(found, needed, strict=True)), *[None] * 4)


def _where_positive(gradient: Tensor, rows: Tensor, norm: tuple[Tensor, Tensor, Tensor, Tensor, float]) -> Tensor:
    """The gradient where the normalised rows (M, C) are positive, else 0, in blocks that fit the cache."""
    result = torch.empty_like(gradient)
    size = block_length(rows.shape[1])
    for block, passed, out in zip(rows.split(size), gradient.split(size), result.split(size), strict=True):
        keep_where_positive(passed, normalize(block, *norm, relu=False), out)
    return result
