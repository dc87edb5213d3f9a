"""The pre-norm transformer that all backbones share (Vaswani et al., 2017; Dosovitskiy et al., 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.models.linear import Linear, linear_gelu


class Attention(nn.Module):
    """Multi-head self-attention on (B, T, C) with one packed projection.

    Args:
        dim: width C.
        num_heads: divides `dim`.
        qkv_bias: whether the packed projection has a bias.
        causal: whether a token sees only itself and those before it.
    """

    def __init__(self, dim: int, num_heads: int, qkv_bias: bool = False, causal: bool = False) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.causal = causal
        self.qkv = Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = Linear(dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, length, width = tokens.shape
        packed = self.qkv(tokens).view(batch, length, 3, self.num_heads, width // self.num_heads)
        queries, keys, values = packed.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = attend(queries, keys, values, self.causal)
        return self.proj(mixed.transpose(1, 2).reshape(batch, length, width))


def attend(queries: Tensor, keys: Tensor, values: Tensor, causal: bool = False) -> Tensor:
    """Scaled-dot-product attention on (B, H, T, D).

    On a CPU torch's fused kernel computes bfloat16 in float32 pieces: with two plain matrix products the matrix units
    do the work, twice as fast forward and four times with the backward. Everywhere else the fused kernel is used.
    """
    if queries.device.type != "cpu" or queries.dtype != torch.bfloat16 or torch.compiler.is_compiling():
        return F.scaled_dot_product_attention(queries, keys, values, is_causal=causal)
    weights = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)
    if causal:
        future = torch.ones(weights.shape[-2:], dtype=torch.bool, device=weights.device).triu(1)
        weights = weights.masked_fill(future, -torch.inf)
    return weights.softmax(-1).to(values.dtype) @ values


class Mlp(nn.Module):
    """Two linear layers with a GELU between them, on (..., C)."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = Linear(dim, hidden)
        self.fc2 = Linear(hidden, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        result: Tensor = self.fc2(linear_gelu(tokens, self.fc1))
        return result


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
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, num_heads, qkv_bias, causal)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, 4 * dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens)))
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


def drop_path_rates(rate: float, depth: int) -> list[float]:
    """Rates that grow linearly from 0 in the first block to `rate` in the last."""
    return [rate * index / max(depth - 1, 1) for index in range(depth)]


def initialize_weights(module: nn.Module) -> None:
    """Truncated normal of 0.02 for weights, zero for biases, ones for norms; call with `model.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
