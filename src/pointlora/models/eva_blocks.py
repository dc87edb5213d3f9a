"""The blocks of EVA (Fang et al., "EVA-02: a visual representation for neon genesis", 2023), as Uni3D uses them: no
rotary positions, no scales of layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.checks import check_choice, check_number
from pointlora.layers.attention import Attention
from pointlora.layers.drop_path import drop_path_rates
from pointlora.layers.linear import Linear
from pointlora.layers.mlp import Mlp
from pointlora.layers.norm import Norm
from pointlora.models.method import TokenSequence
from pointlora.models.reduced_tokenizer import ReducedBackbone
from pointlora.models.sizes import Sizes
from pointlora.models.transformer import Block

_EPS = 1e-6
MLPS = ("gated", "gated_norm", "gelu")


@dataclass(frozen=True)
class EvaSizes(Sizes):
    """Sizes of a network of EVA blocks.

    Attributes:
        mlp: `gated` (a SwiGLU), `gated_norm` (the same with a norm before its last layer) or `gelu`.
        mlp_ratio: width of the MLP's hidden layer, as a multiple of `embed_dim`, rounded down.
    """

    mlp: str = "gated"
    mlp_ratio: float = 8 / 3
    channels: int = 6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("mlp", self.mlp, MLPS)
        check_number("mlp_ratio", self.mlp_ratio, 0, 64, open_low=True)

    @property
    def hidden(self) -> int:
        """Width of the MLP's hidden layer."""
        return int(self.embed_dim * self.mlp_ratio)


class EvaAttention(Attention):
    """Self-attention with biases of queries and values; one of keys would change nothing."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__(dim, num_heads)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))

    def project(self, tokens: Tensor) -> Tensor:
        packed = super().project(tokens)
        bias = torch.cat([self.q_bias, torch.zeros_like(self.q_bias), self.v_bias])
        return packed + bias.to(packed.dtype)


class GatedMlp(nn.Module):
    """A SwiGLU (Shazeer, 2020): silu(first half) * second half of a layer's output, a norm or none, a layer.

    Args:
        dim: width C.
        hidden: width of each half.
        norm: whether there is one.
    """

    def __init__(self, dim: int, hidden: int, norm: bool) -> None:
        super().__init__()
        self.fc1 = Linear(dim, 2 * hidden)
        self.norm = Norm(hidden, _EPS) if norm else nn.Identity()
        self.fc2 = Linear(hidden, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        gate, values = self.fc1(tokens).chunk(2, -1)
        result: Tensor = self.fc2(self.norm(F.silu(gate) * values))
        return result


class EvaBackbone(ReducedBackbone):
    """A backbone of such blocks, to which positions are added once."""

    sizes: EvaSizes

    def build_blocks(self) -> nn.ModuleList:
        rates = drop_path_rates(self.sizes.drop_path_rate, self.sizes.depth)
        return nn.ModuleList(self._block(rate) for rate in rates)

    def _block(self, drop_path: float) -> Block:
        sizes, dim = self.sizes, self.sizes.embed_dim
        gated = sizes.mlp != "gelu"
        mlp = GatedMlp(dim, sizes.hidden, sizes.mlp == "gated_norm") if gated else Mlp(dim, sizes.hidden)
        attention = EvaAttention(dim, sizes.num_heads)
        return Block(dim, sizes.num_heads, drop_path, attention=attention, mlp=mlp, eps=_EPS)

    def run_blocks(self, sequence: TokenSequence, levels: Sequence[int]) -> list[TokenSequence]:
        placed = sequence.tokens + sequence.positions
        once = sequence._replace(tokens=placed, positions=torch.zeros_like(sequence.positions))
        return super().run_blocks(once, levels)
