"""Maximum over the points of a patch, with a backward that stays in the cache."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_BLOCK = 1 << 18  # elements


def max_over_points(features: Tensor) -> Tensor:
    """(P, K, C) features of P patches to their maxima (P, C).

    Where several points share the maximum, the gradient is divided among them, as `amax` does. The backward of `amax`
    makes whole masks in memory and takes a third of the tokenizer's training time; here it works in blocks.
    """
    if features.device.type != "cpu" or not features.requires_grad or torch.compiler.is_compiling():
        return features.amax(1)
    return _MaxOverPoints.apply(features)


class _MaxOverPoints(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        maxima = features.amax(1)
        ctx.save_for_backward(features, maxima)
        return maxima

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        features, maxima = ctx.saved_tensors
        result = torch.empty_like(features)
        rows = max(_BLOCK // features[0].numel(), 1)
        parts = (tensor.split(rows) for tensor in (features, maxima, gradients[0], result))
        for block, maximum, gradient, out in zip(*parts, strict=True):
            torch.eq(block, maximum[:, None], out=out)
            share = gradient / out.sum(1)
            out.mul_(share[:, None])
        return result
