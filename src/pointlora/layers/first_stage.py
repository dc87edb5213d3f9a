"""The first stage of the tokenizer in training on a CPU, done block by block in the cache.

Its first layers, three coordinates to each hidden channel, are so little work that the backward computes them again: of
the whole stage, only the points and the statistics of BatchNorm are kept.
"""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pointlora.layers.batch_norm import (
    OwnStatistics,
    RowBatchNorm,
    block_length,
    block_statistics,
    is_known_norm,
    mean_gradients,
    normalize,
    pass_back,
    through_statistics,
)
from pointlora.layers.feature_linear import FeatureLinear, whole_weight
from pointlora.layers.linear import Linear, bias_of, multiply, product_dtype, weight_gradient, worthwhile
from pointlora.layers.plain import are_unwatched
from pointlora.layers.recomputation import Recipe, recipe

_BLOCK = 1 << 19  # elements of the widest matrix of a block; 2 MB of float32


def applies(points: Tensor, layers: nn.Sequential) -> bool:
    """Whether `first_stage` can take the place of the layers: plain ones, on a CPU, not in a traced graph."""
    enter, norm, *others = layers
    plain = type(enter) in (Linear, FeatureLinear) and [type(layer) for layer in others] == [nn.ReLU, Linear]
    return plain and is_known_norm(norm) and are_unwatched(layers) and worthwhile(points, cast(Linear, enter).weight)


def first_stage(points: Tensor, layers: nn.Sequential) -> tuple[Tensor, Recipe]:
    """(M, D) points to features (M, F), and how these are made again from any rows of the points.

    Args:
        points: coordinates relative to the center of their patch, and what else a point has.
        layers: D to hidden, BatchNorm, ReLU, hidden to F.
    """
    enter, norm, _, last = cast("tuple[nn.Linear, RowBatchNorm, nn.ReLU, nn.Linear]", layers)
    dtype, whole = product_dtype(points), whole_weight(enter)
    if norm.training:
        weight, bias = whole.detach().to(dtype), bias_of(enter).detach().to(dtype)
        blocks = points.detach().to(dtype).split(block_length(len(weight)))
        statistics = block_statistics(multiply(block, weight, bias) for block in blocks)
        mean, variance, count = norm.common_statistics(*statistics, len(points))
        norm.move_running_statistics(mean, variance, count)
        depends = OwnStatistics(norm.common_sums, count)
    else:
        (mean, variance), depends = norm.running_statistics(), None
    weights = (whole, bias_of(enter), norm.weight, norm.bias, last.weight, bias_of(last))
    features = _FirstStage.apply(points, *weights, mean, variance, norm.eps, dtype, depends)
    return features, recipe((points, *weights, mean, variance), partial(_features, norm.eps, dtype))


def _hidden(eps: float, dtype: torch.dtype, points: Tensor, *weights: Tensor) -> tuple[Tensor, Tensor]:
    """What comes out of the first layer and of the ReLU, (M, hidden) both."""
    enter, enter_bias, norm, norm_bias, _, _, mean, variance = weights
    rows = multiply(points.to(dtype), enter.to(dtype), enter_bias.to(dtype))
    return rows, normalize(rows, norm, norm_bias, mean, variance, eps)


def _features(eps: float, dtype: torch.dtype, points: Tensor, *weights: Tensor) -> Tensor:
    return multiply(_hidden(eps, dtype, points, *weights)[1], weights[4].to(dtype), weights[5].to(dtype))


class _FirstStage(torch.autograd.Function):
    """With given statistics; whose, where they depend on the points."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, *arguments: Any) -> Tensor:
        *weights, eps, dtype, ctx.depends = arguments
        ctx.save_for_backward(points, *weights)
        ctx.eps, ctx.dtype, ctx.size = eps, dtype, max(_BLOCK // max(len(weights[0]), len(weights[4])), 1)
        features = torch.empty(len(points), len(weights[4]), dtype=dtype)
        for block, out in zip(points.split(ctx.size), features.split(ctx.size), strict=True):
            out.copy_(_features(eps, dtype, block, *weights))
        return features

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        points, *weights = ctx.saved_tensors
        enter, _, norm, norm_bias, last, _, mean, variance = weights
        size, dtype, needs = ctx.size, ctx.dtype, ctx.needs_input_grad
        of_enter, of_last = (torch.zeros(weight.shape) for weight in (enter, last))
        of_enter_bias, total, slope = (torch.zeros_like(mean) for _ in range(3))
        of_last_bias = torch.zeros(len(last))
        above, enter, last = gradients[0].contiguous().split(size), enter.to(dtype), last.to(dtype)
        passed = []
        for block, gradient in zip(points.split(size), above, strict=True):
            rows, hidden = _hidden(ctx.eps, dtype, block, *weights)
            if needs[5]:
                of_last += weight_gradient(gradient, hidden)
            of_last_bias += gradient.sum(0, dtype=torch.float32)
            below = multiply(gradient, last.t())
            below, *sums = pass_back(below, rows, norm, norm_bias, mean, variance, ctx.eps)
            passed.append(below)
            slope += sums[0]
            total += sums[1]
        inverse = (variance + ctx.eps).rsqrt()
        means = mean_gradients(ctx.depends, slope, total)
        of_points = []
        for block, gradient in zip(points.split(size), passed, strict=True):
            rows = multiply(block.to(dtype), enter, weights[1].to(dtype))
            gradient = through_statistics(gradient, rows, norm, mean, inverse, *means)
            of_enter_bias += gradient.sum(0, dtype=torch.float32)
            of_enter += weight_gradient(gradient, block.to(dtype))
            if needs[0]:
                of_points.append(multiply(gradient, enter.t()))
        found = (of_enter, of_enter_bias, slope, total, of_last, of_last_bias)
        return (
            torch.cat(of_points).to(points.dtype) if needs[0] else None,
            *(value if need else None for value, need in zip(found, needs[1:7], strict=True)),
            *[None] * 5,
        )
