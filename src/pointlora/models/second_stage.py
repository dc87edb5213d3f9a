"""The second stage of the tokenizer in training on a CPU, done patch by patch in the cache.

The stage joins the maximum over a patch to every point's features, normalises, and takes the maximum once more. Only
its joined features are kept. In the backward, the last maximum hands each channel's gradient to one point of the patch:
the gradient of the last layer's input is a sum of as many rows of its weight as there are channels, where the product
with the scattered gradient would add mostly zeros.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from pointlora.models import linear as products
from pointlora.models.batch_norm import RowBatchNorm, block_statistics
from pointlora.models.linear import Linear, multiply, weight_gradient
from pointlora.models.max_pool import MOST_POINTS, first_index

_BLOCK = 1 << 20  # elements of the widest matrix of a block; 4 MB of float32


def applies(features: Tensor, layers: nn.Sequential) -> bool:
    """Whether `second_stage` can take the place of the layers: plain ones, on a CPU, not in a traced graph."""
    plain = [type(layer) for layer in layers] == [Linear, RowBatchNorm, nn.ReLU, Linear]
    return plain and products.usable(features, *layers.parameters()) and features.shape[1] <= MOST_POINTS


def second_stage(features: Tensor, layers: nn.Sequential) -> Tensor:
    """(P, K, F) features of the points of P patches to tokens (P, C).

    Args:
        features: of the first stage.
        layers: joined features (2F) to hidden ones, BatchNorm, ReLU, hidden to C.
    """
    join, norm, _, last = cast("tuple[nn.Linear, RowBatchNorm, nn.ReLU, nn.Linear]", layers)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    known = (None, None) if norm.training else (norm.running_mean.clone(), norm.running_var.clone())
    weights = (join.weight, join.bias, norm.weight, norm.bias, last.weight, last.bias)
    tokens, mean, variance = _SecondStage.apply(
        features, *weights, *known, norm.eps, products.product_dtype(features), torch.is_grad_enabled()
    )
    if norm.training:
        norm.move_running_statistics(mean, variance, features.shape[0] * features.shape[1])
    return cast(Tensor, tokens)


class _SecondStage(torch.autograd.Function):
    """Also returns the mean and the variance with which it normalised; without given ones, those of the batch."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        join_weight: Tensor,
        join_bias: Tensor,
        norm_weight: Tensor,
        norm_bias: Tensor,
        last_weight: Tensor,
        last_bias: Tensor,
        mean: Tensor | None,
        variance: Tensor | None,
        eps: float,
        dtype: torch.dtype,
        grad: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        points, types = features.shape[1], (features.dtype, join_weight.dtype, last_weight.dtype)
        features, last = features.to(dtype), last_weight.to(dtype)
        left, right = (half.contiguous() for half in join_weight.to(dtype).chunk(2, 1))
        maxima = features.amax(1)
        pooled = multiply(maxima, left, join_bias.to(dtype))
        size = max(_BLOCK // (points * max(features.shape[2], *last.shape)), 1)
        joined: list[Tensor] = []

        def join() -> Iterator[Tensor]:
            for block, shift in zip(features.split(size), pooled.split(size), strict=True):
                rows = multiply(block.flatten(0, 1), right)
                rows.view(len(block), points, -1).add_(shift[:, None])
                joined.append(rows)
                yield rows

        ctx.batch_statistics = mean is None or variance is None
        if mean is None or variance is None:
            mean, variance = block_statistics(join())
        else:
            for _ in join():
                pass
        tokens = features.new_empty(len(features), len(last))
        indices = []
        for rows, out in zip(joined, tokens.split(size), strict=True):
            hidden = _normalize(rows, norm_weight, norm_bias, mean, variance, eps)
            values = multiply(hidden, last, last_bias.to(dtype)).view(len(out), points, -1)
            torch.amax(values, 1, out=out)
            if grad:
                indices.append(first_index(values, out))
        if grad:
            trained = ctx.needs_input_grad[1]
            ctx.eps, ctx.size, ctx.points, ctx.types = eps, size, points, types
            ctx.save_for_backward(
                *(left, right, last, norm_weight, norm_bias, mean, variance),
                *(torch.cat(indices), first_index(features, maxima)),
                *(features if trained else None, maxima if trained else None),
                *joined,
            )
        ctx.mark_non_differentiable(mean, variance)
        return tokens, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        left, right, last, norm_weight, norm_bias, mean, variance, index, first, features, maxima, *joined = (
            ctx.saved_tensors
        )
        size, points, needs = ctx.size, ctx.points, ctx.needs_input_grad
        gradient = gradients[0].contiguous()
        inverse = (variance + ctx.eps).rsqrt()
        factor = norm_weight * inverse
        offset = norm_bias - mean * factor
        total, slope = torch.zeros_like(mean), torch.zeros_like(mean)
        of_last = torch.zeros(last.shape) if needs[5] else None
        passed: deque[Tensor] = deque()
        for rows, some, which in zip(joined, gradient.split(size), index.split(size), strict=True):
            if of_last is not None:
                of_last += _last_gradient(
                    some, which, _normalize(rows, norm_weight, norm_bias, mean, variance, ctx.eps)
                )
            centered = rows.float()
            block = spread(some, which, points, last).mul_(torch.addcmul(offset, centered, factor) > 0)
            passed.append(block)
            if ctx.batch_statistics or needs[3] or needs[4]:
                centered = centered.sub_(mean) if rows.dtype != torch.float32 else centered - mean
                total += block.sum(0, dtype=torch.float32)
                slope += centered.mul_(block).sum(0)
        # The gradient of batch normalisation: factor * passed + tilt * rows + level, with two numbers a channel.
        count = len(index) * points if ctx.batch_statistics else torch.inf
        tilt = -factor * inverse.square() * slope / count
        level = -factor * total / count - mean * tilt
        of_features = left.new_empty(len(index), points, left.shape[1]) if needs[0] else None
        of_pooled = left.new_empty(len(index), left.shape[0])
        of_right = torch.zeros(right.shape) if needs[1] else None
        for number, (rows, out) in enumerate(zip(joined, of_pooled.split(size), strict=True)):
            block = torch.addcmul(level, rows.float(), tilt).addcmul_(passed.popleft(), factor).to(left.dtype)
            torch.sum(block.view(len(out), points, -1), 1, out=out)
            patches = slice(number * size, number * size + len(out))
            if of_features is not None:
                of_features[patches] = multiply(block, right.t()).view(len(out), points, -1)
            if of_right is not None:
                of_right += weight_gradient(block, features[patches].flatten(0, 1))
        if of_features is not None:
            of_features.scatter_add_(1, first.long()[:, None], multiply(of_pooled, left.t())[:, None])
            of_features = of_features.to(ctx.types[0])
        of_join = None
        if of_right is not None:
            of_join = torch.cat([weight_gradient(of_pooled, maxima).float(), of_right], 1).to(ctx.types[1])
        return (
            *(of_features, of_join, of_pooled.sum(0, dtype=torch.float32) if needs[2] else None),
            *(slope * inverse if needs[3] else None, total if needs[4] else None),
            None if of_last is None else of_last.to(ctx.types[2]),
            gradient.sum(0, dtype=torch.float32) if needs[6] else None,
            *[None] * 5,
        )


def _normalize(rows: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    return torch.native_batch_norm(rows, weight, bias, mean, variance, False, 0.0, eps)[0].relu_()


def spread(gradient: Tensor, index: Tensor, points: int, weight: Tensor) -> Tensor:
    """The gradient of a layer's input when the maximum over points is taken of its output: (P * K, in).

    Args:
        gradient: (P, C) of the maxima.
        index: (P, C) bytes, the point at which each maximum stood.
        points: K.
        weight: (C, in) of the layer.
    """
    ordered, channels = index.sort(dim=1, stable=True)
    counts = torch.zeros(len(index), points, dtype=torch.int64)
    counts.scatter_add_(1, ordered.long(), torch.ones((), dtype=torch.int64).expand(index.shape))
    counts = counts.flatten()
    return F.embedding_bag(
        channels.flatten(),
        weight,
        counts.cumsum(0) - counts,
        mode="sum",
        per_sample_weights=gradient.gather(1, channels).flatten(),
    )


def _last_gradient(gradient: Tensor, index: Tensor, hidden: Tensor) -> Tensor:
    """The gradient (C, in) of the weight of the layer whose output's maxima (P, C) stood at points `index`."""
    points = len(hidden) // len(index)
    rows = index.long() + points * torch.arange(len(index))[:, None]
    return F.embedding_bag(rows.t().contiguous(), hidden, mode="sum", per_sample_weights=gradient.t().contiguous())
