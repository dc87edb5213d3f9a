"""Layer normalisation that those behind it needn't keep (Ba et al., 2016)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pointlora.layers.plain import is_unwatched
from pointlora.layers.recomputation import is_recomputed, recipe, remember
from pointlora.torch_private import layer_norm, layer_norm_backward


class Norm(nn.LayerNorm):
    """Layer normalisation of (..., C) (Ba et al., 2016). Where it is frozen, those that would keep its result make it
    again from its input, which takes next to no time.

    Attributes:
        recomputes: do so not only on a CPU.
    """

    recomputes = False

    def forward(self, tokens: Tensor) -> Tensor:
        wanted = self.recomputes or tokens.device.type == "cpu"
        if not (is_recomputed(wanted, self, tokens) and is_unwatched(self)):
            return super().forward(tokens)
        normalized: Tensor = _FrozenNorm.apply(tokens, self.weight, self.bias, self.eps)
        return remember(normalized, recipe((tokens, self.weight, self.bias), partial(_normalize, self.eps)))


def _normalize(eps: float, tokens: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return layer_norm(tokens, weight, bias, eps)[0]


class _FrozenNorm(torch.autograd.Function):
    """Keeps the input in its own type; torch, in autocast on a GPU, keeps it once more in float32."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        normalized, mean, inverse = layer_norm(tokens, weight, bias, eps)
        ctx.save_for_backward(tokens, weight, bias, mean, inverse)
        ctx.dtype = normalized.dtype
        return normalized

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        tokens, weight, bias, mean, inverse = ctx.saved_tensors
        gradient = layer_norm_backward(gradients[0], tokens.to(ctx.dtype), mean, inverse, weight, bias)
        return gradient.to(tokens.dtype), None, None, None
