"""The pre-norm transformer that all backbones share (Vaswani et al., 2017; Dosovitskiy et al., 2021)."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from pointlora.models.frozen_mlp import frozen_mlp
from pointlora.models.linear import Linear, linear_gelu
from pointlora.models.recomputation import has_backward, is_recomputed, recipe, remember


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

    def forward(self, tokens: Tensor, last: int | None = None) -> Tensor:
        """(B, T, C) of all tokens, or (B, last, C) of the last ones alone, which see all of them too."""
        batch, length, width = tokens.shape
        packed = self.qkv(tokens).view(batch, length, 3, self.num_heads, width // self.num_heads)
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
    if queries.device.type != "cpu" or queries.dtype != torch.bfloat16 or torch.compiler.is_compiling():
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
        of_products = torch._softmax_backward_data(of_weights, weights, -1, weights.dtype)
        of_keys = of_products.transpose(-1, -2) @ (queries * scale)
        return (of_products @ keys) * scale, of_keys, of_values, None


class Mlp(nn.Module):
    """Two linear layers with a GELU between them, on (..., C).

    Attributes:
        recomputes: where frozen, keep the input only and compute the hidden layer again in the backward.
    """

    recomputes = False

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Linear(dim, hidden)
        self.fc2 = Linear(hidden, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        if is_recomputed(self.recomputes, self, tokens):
            return frozen_mlp(tokens, self.fc1, self.fc2, self._both_layers)
        return self._both_layers(tokens)

    def _both_layers(self, tokens: Tensor) -> Tensor:
        result: Tensor = self.fc2(linear_gelu(tokens, self.fc1))
        return result


class Norm(nn.LayerNorm):
    """Layer normalisation of (..., C) (Ba et al., 2016). Where it is frozen, those that would keep its result make it
    again from its input, which takes next to no time.

    Attributes:
        recomputes: do so not only on a CPU.
    """

    recomputes = False

    def forward(self, tokens: Tensor) -> Tensor:
        if not is_recomputed(self.recomputes or tokens.device.type == "cpu", self, tokens):
            return super().forward(tokens)
        normalized: Tensor = _FrozenNorm.apply(tokens, self.weight, self.bias, self.eps)
        return remember(normalized, recipe((tokens, self.weight, self.bias), partial(_normalize, self.eps)))


def _normalize(eps: float, tokens: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.native_layer_norm(tokens, tokens.shape[-1:], weight, bias, eps)[0]


class _FrozenNorm(torch.autograd.Function):
    """Keeps the input in its own type; torch, in autocast on a GPU, keeps it once more in float32."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        normalized, mean, inverse = torch.native_layer_norm(tokens, tokens.shape[-1:], weight, bias, eps)
        ctx.save_for_backward(tokens, weight, bias, mean, inverse)
        ctx.dtype = normalized.dtype
        return normalized

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        tokens, weight, bias, mean, inverse = ctx.saved_tensors
        shape, only_input = tokens.shape[-1:], [True, False, False]
        gradient = torch.ops.aten.native_layer_norm_backward(
            gradients[0], tokens.to(ctx.dtype), shape, mean, inverse, weight, bias, only_input
        )[0]
        return gradient.to(tokens.dtype), None, None, None


class DropPath(nn.Module):
    """Stochastic depth (Huang et al., ECCV 2016): in training, drop a sample's whole branch, scale the others up."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return branch
        keep = 1 - self.rate
        kept = torch.rand(branch.shape[0], *(1,) * (branch.ndim - 1), device=branch.device) < keep
        return branch * (kept.to(branch.dtype) / keep)

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), on (B, T, C)."""

    def __init__(
        self, dim: int, num_heads: int, drop_path: float = 0.0, qkv_bias: bool = False, causal: bool = False
    ) -> None:
        super().__init__()
        self.norm1 = Norm(dim)
        self.attn = Attention(dim, num_heads, qkv_bias, causal)
        self.norm2 = Norm(dim)
        self.mlp = Mlp(dim, 4 * dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        return self._add_branches(tokens, self.attn(self.norm1(tokens)))

    def _add_branches(self, tokens: Tensor, attended: Tensor) -> Tensor:
        tokens = tokens + self.drop_path(attended)
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


class DecoderBlock(Block):
    """A block that computes the `last` tokens alone, the same numbers, where nobody reads the others."""

    def forward(self, tokens: Tensor, last: int | None = None) -> Tensor:
        """(B, T, C) to (B, last, C), or without `last` to (B, T, C)."""
        attended = self.attn(self.norm1(tokens), last)
        return self._add_branches(tokens if last is None else tokens[:, -last:], attended)


def drop_path_rates(rate: float, depth: int) -> list[float]:
    """Rates that grow linearly from 0 in the first block to `rate` in the last."""
    return [rate * index / max(depth - 1, 1) for index in range(depth)]


def initialize_weights(module: nn.Module) -> None:
    """Truncated normal of 0.02 for weights, zero for biases, ones for norms; call with `model.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
