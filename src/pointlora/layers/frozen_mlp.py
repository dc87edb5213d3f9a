"""A frozen MLP that keeps its input and computes its hidden layer, four times as wide, again in the backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from pointlora.layers.linear import Linear, cast, cast_bias, multiply, product_dtype, worthwhile
from pointlora.layers.plain import is_plain
from pointlora.layers.recomputation import Recipe, keep, kept, recipe_of
from pointlora.torch_private import gelu_backward

_BLOCK = 1 << 19  # elements of the hidden layer that are computed at a time; 2 MB of float32


def frozen_mlp(tokens: Tensor, first: nn.Linear, last: nn.Linear, usual: Callable[[Tensor], Tensor]) -> Tensor:
    """last(GELU(first(tokens))) on (..., C), where both layers are frozen.

    The backward costs one product more, that of the first layer. Of tokens that have a recipe, what that needs is kept.

    Args:
        tokens: (..., C).
        first, last: C to hidden, hidden to C.
        usual: computes the same in the usual way, for whatever is no plain layer on a CPU.
    """
    if is_plain(first, Linear) and is_plain(last, Linear) and worthwhile(tokens, first.weight):
        dtype = product_dtype(tokens)
        weights = (first.weight, first.bias, last.weight, last.bias)
        return _FrozenMlp.apply(tokens, *weights, dtype, recipe_of(tokens))  # type: ignore[no-any-return]
    kind = tokens.device.type
    if torch.is_autocast_enabled(kind):
        tokens = tokens.to(torch.get_autocast_dtype(kind))  # as the first layer would: the input is kept in this type
    return checkpoint(usual, tokens, use_reentrant=False, preserve_rng_state=False)  # type: ignore[no-any-return]


class _FrozenMlp(torch.autograd.Function):
    """Both passes go through the hidden layer some rows at a time, so that none of it leaves the cache."""

    @staticmethod
    def forward(
        ctx: Any,
        tokens: Tensor,
        first: Tensor,
        first_bias: Tensor,
        last: Tensor,
        last_bias: Tensor,
        dtype: torch.dtype,
        recipe: Recipe | None,
    ) -> Tensor:
        weights = cast(first, dtype), cast_bias(first_bias, dtype), cast(last, dtype)
        keep(ctx, tokens, recipe, *weights)
        ctx.type, bias = tokens.dtype, cast_bias(last_bias, dtype)
        rows = _rows(tokens, dtype)
        result, size = torch.empty_like(rows), _size(first)
        for block, out in zip(rows.split(size), result.split(size), strict=True):
            out.copy_(multiply(F.gelu(multiply(block, *weights[:2])), weights[2], bias))
        return result.view(tokens.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (first, bias, last), make = kept(ctx, 3)
        rows, gradient = _rows(make(), first.dtype), _rows(gradients[0], last.dtype)
        result, size = torch.empty(gradient.shape, dtype=ctx.type), _size(first)
        for block, above, out in zip(rows.split(size), gradient.split(size), result.split(size), strict=True):
            hidden = multiply(block, first, bias)
            below = gelu_backward(multiply(above, last.t()), hidden)
            out.copy_(multiply(below, first.t()))
        return result.view(gradients[0].shape), *[None] * 6


def _rows(tokens: Tensor, dtype: torch.dtype) -> Tensor:
    return tokens.reshape(-1, tokens.shape[-1]).to(dtype)


def _size(first: Tensor) -> int:
    """Rows at a time, for the weight (hidden, C) of the first layer."""
    return max(_BLOCK // len(first), 1)
