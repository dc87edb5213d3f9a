"""The second stage of the tokenizer in training on a CPU, done patch by patch in the cache.

The stage joins the maximum over a patch to every point's features, normalises, and takes the maximum once more. Only
its joined features are kept, or nothing but their statistics where it is frozen and its features can be made again. In
the backward, the last maximum hands each channel's gradient to one point of the patch:
the gradient of the last layer's input is a sum of as many rows of its weight as there are channels, where the product
with the scattered gradient would add mostly zeros.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from pointlora.layers import linear as products
from pointlora.layers.batch_norm import (
    OwnStatistics,
    RowBatchNorm,
    block_statistics,
    is_known_norm,
    mean_gradients,
    normalize,
    pass_back,
    through_statistics,
)
from pointlora.layers.linear import Linear, bias_of, multiply, weight_gradient
from pointlora.layers.max_pool import MOST_POINTS, first_index, largest
from pointlora.layers.plain import are_unwatched
from pointlora.layers.recomputation import Recipe

_BLOCK = 1 << 19  # elements of the widest matrix of a block; 2 MB of float32


def applies(features: Tensor, layers: nn.Sequential) -> bool:
    """Whether `second_stage` can take the place of the layers: plain ones, on a CPU, not in a traced graph."""
    join, norm, *others = layers
    plain = type(join) is Linear and is_known_norm(norm) and [type(layer) for layer in others] == [nn.ReLU, Linear]
    usable = plain and are_unwatched(layers) and products.usable(features, *layers.parameters())
    return usable and features.shape[1] <= MOST_POINTS


def second_stage(features: Tensor, layers: nn.Sequential, recipe: Recipe | None = None) -> Tensor:
    """(P, K, F) features of the points of P patches to tokens (P, C).

    Args:
        features: of the first stage.
        layers: joined features (2F) to hidden ones, BatchNorm, ReLU, hidden to C.
        recipe: where the layers are frozen: of the features, row by row of its first source, which has P * K rows.
            Then the joined features aren't kept but made again.
    """
    join, norm, _, last = cast("tuple[nn.Linear, RowBatchNorm, nn.ReLU, nn.Linear]", layers)
    known = (None, None) if norm.training else norm.running_statistics()
    weights = (join.weight, bias_of(join), norm.weight, norm.bias, last.weight, bias_of(last))
    dtype, grad = products.product_dtype(features), torch.is_grad_enabled()
    tokens, mean, variance, count = _SecondStage.apply(features, *weights, *known, norm, dtype, grad, recipe)
    if norm.training:
        norm.move_running_statistics(mean, variance, count)
    return cast(Tensor, tokens)


class _SecondStage(torch.autograd.Function):
    """Also returns the mean and the variance with which it normalised, and of how many rows; without given ones
    those of the batch.
    """

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
        norm: RowBatchNorm,
        dtype: torch.dtype,
        grad: bool,
        recipe: Recipe | None,
    ) -> tuple[Tensor, Tensor, Tensor, float]:
        points, types = features.shape[1], (features.dtype, join_weight.dtype, last_weight.dtype)
        features, last = features.to(dtype), last_weight.to(dtype)
        left, right = (half.contiguous() for half in join_weight.to(dtype).chunk(2, 1))
        maxima = largest(features)
        pooled = multiply(maxima, left, join_bias.to(dtype))
        size = max(_BLOCK // (points * max(features.shape[2], *last.shape)), 1)
        joined: list[Tensor] = []
        blocks = _join(features, right, pooled, size, joined)
        count, eps, ctx.depends = float(len(features) * points), norm.eps, None
        if mean is None or variance is None:
            mean, variance, count = norm.common_statistics(*block_statistics(blocks), len(features) * points)
            ctx.depends = OwnStatistics(norm.common_sums, count)
        else:
            deque(blocks, maxlen=0)
        tokens = features.new_empty(len(features), len(last))
        indices = []
        grad = grad and any(ctx.needs_input_grad)
        for rows, out in zip(joined, tokens.split(size), strict=True):
            hidden = normalize(rows, norm_weight, norm_bias, mean, variance, eps)
            values = multiply(hidden, last, last_bias.to(dtype)).view(len(out), points, -1)
            out.copy_(largest(values))
            if grad:
                indices.append(first_index(values, out))
        if grad:
            trained = ctx.needs_input_grad[1]
            ctx.eps, ctx.size, ctx.points, ctx.types = eps, size, points, types
            ctx.make = None if recipe is None else recipe.make
            ctx.save_for_backward(
                *(left, right, last, norm_weight, norm_bias, mean, variance),
                *(torch.cat(indices), first_index(features, maxima)),
                *(features if trained else None, maxima if trained else None),
                *(joined if recipe is None else (pooled, *recipe.sources)),
            )
        ctx.mark_non_differentiable(mean, variance)
        return tokens, mean, variance, count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        left, right, last, norm_weight, norm_bias, mean, variance, index, first, features, maxima, *rest = (
            ctx.saved_tensors
        )
        joined = deque(rest if ctx.make is None else _join_again(ctx, right, *rest))
        del rest
        size, points, needs = ctx.size, ctx.points, ctx.needs_input_grad
        gradient = gradients[0].contiguous()
        inverse, norm = (variance + ctx.eps).rsqrt(), (norm_weight, norm_bias, mean, variance, ctx.eps)
        total, slope = torch.zeros_like(mean), torch.zeros_like(mean)
        of_last = torch.zeros(last.shape) if needs[5] else None
        passed: deque[Tensor] = deque()
        for rows, some, which in zip(joined, gradient.split(size), index.split(size), strict=True):
            if of_last is not None:
                of_last += _last_gradient(some, which, normalize(rows, *norm))
            block, *found = pass_back(spread(some, which, points, last), rows, *norm)
            passed.append(block)
            slope += found[0]
            total += found[1]
        means = mean_gradients(ctx.depends, slope, total)
        of_features = left.new_empty(len(index), points, left.shape[1], dtype=ctx.types[0]) if needs[0] else None
        of_pooled = left.new_empty(len(index), left.shape[0])
        of_right = torch.zeros(right.shape) if needs[1] else None
        for number, (out, at) in enumerate(zip(of_pooled.split(size), first.split(size), strict=True)):
            block, rows = passed.popleft(), joined.popleft()
            block = through_statistics(block, rows, norm_weight, mean, inverse, *means)
            torch.sum(block.view(len(out), points, -1), 1, out=out)
            patches = slice(number * size, number * size + len(out))
            if of_features is not None:
                below = _add_at(multiply(block, right.t()), at, multiply(out, left.t()))
                of_features[patches] = below.view(len(out), points, -1)
            if of_right is not None:
                of_right += weight_gradient(block, features[patches].flatten(0, 1))
        of_join = None
        if of_right is not None:
            of_join = torch.cat([weight_gradient(of_pooled, maxima).float(), of_right], 1).to(ctx.types[1])
        return (
            *(of_features, of_join, of_pooled.sum(0, dtype=torch.float32) if needs[2] else None),
            *(slope if needs[3] else None, total if needs[4] else None),
            None if of_last is None else of_last.to(ctx.types[2]),
            gradient.sum(0, dtype=torch.float32) if needs[6] else None,
            *[None] * 6,
        )


def _join(features: Tensor, right: Tensor, pooled: Tensor, size: int, into: list[Tensor]) -> Iterator[Tensor]:
    """Joined features (rows, hidden) of `size` patches after the other; they are appended to `into` too.

    Args:
        features: (P, K, F).
        right: (hidden, F) weight of a point's features.
        pooled: (P, hidden) what the patch's maximum adds to each of its points.
    """
    for block, shift in zip(features.split(size), pooled.split(size), strict=True):
        into.append(_join_block(block.flatten(0, 1), right, shift))
        yield into[-1]


def _join_block(features: Tensor, right: Tensor, shift: Tensor) -> Tensor:
    rows = multiply(features, right)
    rows.view(len(shift), -1, rows.shape[1]).add_(shift[:, None])
    return rows


def _join_again(ctx: Any, right: Tensor, pooled: Tensor, points: Tensor, *others: Tensor) -> list[Tensor]:
    """All blocks of `_join`, of features that are made again, block by block, from the points."""
    blocks = zip(points.split(ctx.size * ctx.points), pooled.split(ctx.size), strict=True)
    return [_join_block(ctx.make(rows, *others).to(right.dtype), right, shift) for rows, shift in blocks]


def spread(gradient: Tensor, index: Tensor, points: int, weight: Tensor) -> Tensor:
    """The gradient of a layer's input when the maximum over points is taken of its output: (P * K, in).

    Where the processor has matrix units, adding zeros to zeros is faster than leaving them out.

    Args:
        gradient: (P, C) of the maxima.
        index: (P, C) bytes, the point at which each maximum stood.
        points: K.
        weight: (C, in) of the layer.
    """
    if products.HAS_MATRIX_UNITS and gradient.dtype == torch.bfloat16:
        return multiply(_at_points(gradient, index, points).flatten(0, 1), weight.t())
    # NumPy sorts bytes by counting them, in a tenth of the time that torch takes.
    channels = torch.from_numpy(np.argsort(index.numpy(), axis=1, kind="stable"))
    counts = torch.zeros(len(index), points, dtype=torch.int64)
    counts.scatter_add_(1, index.long(), torch.ones((), dtype=torch.int64).expand(index.shape))
    counts = counts.flatten()
    return F.embedding_bag(
        channels.flatten(),
        weight,
        counts.cumsum(0) - counts,
        mode="sum",
        per_sample_weights=gradient.gather(1, channels).flatten(),
    )


def _at_points(gradient: Tensor, index: Tensor, points: int) -> Tensor:
    """The bfloat16 gradient (P, C) of maxima at the points where they stood, among zeros (P, K, C)."""
    order = torch.arange(points, dtype=torch.int16)[:, None]
    # All bits set where the maximum stood and none elsewhere, in whole vectors; `scatter` goes number by number.
    mask = torch.bitwise_xor(index.to(torch.int16)[:, None], order).clamp_(max=1).sub_(1)
    return mask.bitwise_and_(gradient.view(torch.int16)[:, None]).view(gradient.dtype)


def _add_at(rows: Tensor, index: Tensor, values: Tensor) -> Tensor:
    """Add values (P, C) in place to those of the rows (P * K, C) that the index (P, C), bytes, names in each patch."""
    patches, where = rows.view(len(index), -1, rows.shape[1]), index.long()[:, None]
    patches.scatter_(1, where, patches.gather(1, where).add_(values[:, None]))
    return rows


def _last_gradient(gradient: Tensor, index: Tensor, hidden: Tensor) -> Tensor:
    """The gradient (C, in) of the weight of the layer whose output's maxima (P, C) stood at points `index`."""
    points = len(hidden) // len(index)
    rows = index.long() + points * torch.arange(len(index))[:, None]
    return F.embedding_bag(rows.t().contiguous(), hidden, mode="sum", per_sample_weights=gradient.t().contiguous())
