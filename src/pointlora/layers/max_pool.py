"""Maximum over the points of a patch, which remembers where the maxima were and not what they were taken from."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pointlora import fast_paths

_BLOCK = 1 << 18  # elements; work on a block stays in the cache
MOST_POINTS = 256  # up to here an index is a byte
_INTEGERS = {
    torch.bfloat16: torch.int16,
    torch.float16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
}


def max_over_points(features: Tensor) -> Tensor:
    """(P, K, C) features of P patches to their maxima (P, C); the first of several equal points gets the gradient.

    torch's `amax` keeps all features for its backward, and `max` takes six times as long. Here one index a maximum is
    kept, which is found in blocks.
    """
    if not fast_paths.enabled():
        return features.max(1).values
    if (
        features.device.type != "cpu"
        or not (features.requires_grad and torch.is_grad_enabled())
        or features.shape[1] > MOST_POINTS
        or torch.compiler.is_compiling()
    ):
        return maximum(features)
    return _MaxOverPoints.apply(features)


def maximum(features: Tensor) -> Tensor:
    """(B, T, C) to maxima (B, C), by torch.

    The backward of `amax` looks for the values that equal the maximum and divides by their number. A compiled graph
    may compute the values again with other roundings: then none is equal, and the gradient is 0 / 0. There `max` is
    taken, whose backward goes by the index.
    """
    return features.max(1).values if torch.compiler.is_compiling() else features.amax(1)


class _MaxOverPoints(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        maxima = largest(features)
        ctx.save_for_backward(first_index(features, maxima))
        ctx.shape = features.shape
        return maxima

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (index,) = ctx.saved_tensors
        result = gradients[0].new_zeros(ctx.shape)
        return result.scatter_(1, index.long()[:, None], gradients[0][:, None])


def largest(features: Tensor) -> Tensor:
    """(P, K, C) to maxima (P, C) without gradient; of bfloat16 on a CPU in a fifth of the time of `amax`.

    The bits of a number, read as an integer, sort as the number itself if it is positive, the other way round if it is
    negative, and below all positive ones. A NaN need not come through unless all K are.
    """
    if features.device.type != "cpu" or features.dtype != torch.bfloat16:
        return features.amax(1)
    bits = features.view(torch.int16)
    most = bits.amax(1)
    return torch.where(most < 0, bits.amin(1), most).view(features.dtype)


def first_index(features: Tensor, maxima: Tensor) -> Tensor:
    """(P, C) bytes: the first point (of K) at which each maximum is reached."""
    points, kind = features.shape[1], _INTEGERS[features.dtype]
    index = torch.empty(maxima.shape, dtype=torch.uint8)
    order = torch.arange(points, dtype=kind)[:, None]
    rows = max(_BLOCK // features[0].numel(), 1)
    work = torch.empty(min(rows, len(features)), *features.shape[1:], dtype=kind)
    # In integers of the same size throughout, where vectors are full; comparing takes five times as long.
    bits, maxima = features.view(kind), maxima.view(kind)
    for block, maximum, out in zip(bits.split(rows), maxima.split(rows), index.split(rows), strict=True):
        differs = torch.bitwise_xor(block, maximum[:, None], out=work[: len(block)]).clamp_(-1, 1).abs_()
        out.copy_(torch.add(order, differs, alpha=points, out=differs).amin(1).clamp_(max=points - 1))
    return index
