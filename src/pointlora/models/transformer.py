"""The pre-norm transformer that all backbones share (Vaswani et al., 2017; Dosovitskiy et al., 2021)."""

from __future__ import annotations

from torch import Tensor, nn

from pointlora.layers.attention import Attention
from pointlora.layers.drop_path import DropPath
from pointlora.layers.mlp import Mlp
from pointlora.layers.norm import Norm


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)), on (B, T, C).

    Args:
        dim, num_heads, qkv_bias, causal: see `Attention`.
        drop_path: rate at which a cloud skips a branch.
        attention, mlp: others than the usual ones.
        eps: of the norms.
    """

    def __init__(
        self,
        dim: int,
        num_heads: int,
        drop_path: float = 0.0,
        qkv_bias: bool = False,
        causal: bool = False,
        attention: Attention | None = None,
        mlp: nn.Module | None = None,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.norm1 = Norm(dim, eps)
        self.attn = attention or Attention(dim, num_heads, qkv_bias, causal)
        self.norm2 = Norm(dim, eps)
        self.mlp = mlp or Mlp(dim, 4 * dim)
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


def initialize_weights(module: nn.Module) -> None:
    """Truncated normal of 0.02 for weights, zero for biases, ones for norms; call with `model.apply`."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
