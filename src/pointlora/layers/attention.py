"""Multi-head self-attention (Vaswani et al., 2017)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from pointlora import fast_paths
from pointlora.layers.linear import Linear
from pointlora.layers.recomputation import has_backward
from pointlora.torch_private import softmax_backward


class Attention(nn.Module):
    """Multi-head self-attention on (B, T, C) with one packed projection.

    Args:
        dim: width C.
        num_heads: divides `dim`.
        qkv_bias: whether the packed projection has a bias.
        causal: whether a token sees only itself and those before it.

    Attributes:
        recomputes: where the projections are frozen, let `attend` compute its weights again in the backward.
    """

    recomputes = False

    def __init__(self, dim: int, num_heads: int, qkv_bias: bool = False, causal: bool = False) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.causal = causal
        self.qkv = Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = Linear(dim, dim)

    def project(self, tokens: Tensor) -> Tensor:
        """Queries, keys and values side by side, (B, T, 3C)."""
        packed: Tensor = self.qkv(tokens)
        return packed

    def forward(self, tokens: Tensor, last: int | None = None) -> Tensor:
        """(B, T, C) of all tokens, or (B, last, C) of the last ones alone, which see all of them too."""
        batch, length, width = tokens.shape
        packed = self.project(tokens).view(batch, length, 3, self.num_heads, width // self.num_heads)
        queries, keys, values = packed.permute(2, 0, 3, 1, 4).unbind(0)
        if last is not None:
            assert not self.causal  # a shorter mask would let each token see others than before
            queries, length = queries[:, :, -last:], last
        again = self.recomputes and not self.qkv.weight.requires_grad
        mixed = attend(queries, keys, values, self.causal, again)
        return self.proj(mixed.transpose(1, 2).reshape(batch, length, width))


def attend(queries: Tensor, keys: Tensor, values: Tensor, causal: bool = False, again: bool = False) -> Tensor:
    """Scaled-dot-product attention on (B, H, T, D).

    On a CPU torch's fused kernel computes bfloat16 in float32 pieces: with two plain matrix products the matrix units
    do the work, twice as fast forward and four times with the backward. Everywhere else the fused kernel is used.

    Args:
        queries, keys, values: (B, H, T, D).
        causal: whether a token sees only itself and those before it.
        again: where the weights (B, H, T, T) would be kept for the backward, which the fused kernel doesn't do, compute
            them again.
    """
    if (
        queries.device.type != "cpu"
        or queries.dtype != torch.bfloat16
        or torch.compiler.is_compiling()
        or not fast_paths.enabled()
    ):
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=causal)
    if has_backward(queries, keys, values, wanted=again):
        return _Attend.apply(queries, keys, values, causal)  # type: ignore[no-any-return]
    return _attention_weights(queries, keys, causal) @ values


def _attention_weights(queries: Tensor, keys: Tensor, causal: bool) -> Tensor:
    weights = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)
    if causal:
        future = torch.ones(weights.shape[-2:], dtype=torch.bool, device=weights.device).triu(1)
        weights = weights.masked_fill(future, -torch.inf)
    return weights.softmax(-1).to(keys.dtype)


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, causal: bool) -> Tensor:
        ctx.save_for_backward(queries, keys, values)
        ctx.causal = causal
        return _attention_weights(queries, keys, causal) @ values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values = ctx.saved_tensors
        weights, scale = _attention_weights(queries, keys, ctx.causal), queries.shape[-1] ** -0.5
        of_values = weights.transpose(-1, -2) @ gradients[0]
        of_weights = gradients[0] @ values.transpose(-1, -2)
        of_products = softmax_backward(of_weights, weights)
        of_keys = of_products.transpose(-1, -2) @ (queries * scale)
        return (of_products @ keys) * scale, of_keys, of_values, None
