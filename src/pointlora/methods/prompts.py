"""Shared prompts: four small MLPs that all blocks share, or in an ablation four for each (PointLoRA, CVPR 2025)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.layers.linear import Linear, linear_gelu
from pointlora.methods.branches import BottleneckBranch
from pointlora.models.method import TokenSequence


class PromptMlp(nn.Sequential):
    """C -> hidden -> out with GELU, truncated normal of 0.02 and zero biases; `zero_init` makes it return 0."""

    def __init__(self, dim: int, hidden: int, out_dim: int, zero_init: bool) -> None:
        super().__init__(Linear(dim, hidden), nn.GELU(), Linear(hidden, out_dim))
        for layer in (self.first, self.last):
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        if zero_init:
            nn.init.zeros_(self.last.weight)

    def forward(self, tokens: Tensor) -> Tensor:
        prompts: Tensor = self.last(linear_gelu(tokens, self.first))
        return prompts

    @property
    def first(self) -> nn.Linear:
        """C -> hidden."""
        return cast(nn.Linear, self[0])

    @property
    def last(self) -> nn.Linear:
        """hidden -> out."""
        return cast(nn.Linear, self[2])


class SharedPrompts(nn.Module):
    """Prompts for patch tokens and selected tokens before each block, and for the inputs of adapted layers within.

    Args:
        dim: width C.
        hidden: hidden width of the MLPs.
        layers: last name -> output width of the linear layers that get a prompt (`qkv`: 3C, `proj`: C).
        zero_init: start at zero.
    """

    def __init__(self, dim: int, hidden: int, layers: dict[str, int], zero_init: bool) -> None:
        super().__init__()
        self.patch = PromptMlp(dim, hidden, dim, zero_init)
        self.selected = PromptMlp(dim, hidden, dim, zero_init)
        self.layers = nn.ModuleDict({name: PromptMlp(dim, hidden, width, zero_init) for name, width in layers.items()})

    def forward(self, sequence: TokenSequence) -> Tensor:
        """Tokens with the prompts added to patches and selected tokens; those before the patches stay as they are."""
        before, patches, selected = sequence.tokens[:, : sequence.first_patch], sequence.patches, sequence.others
        parts = [before, patches + self.patch(patches)]
        if selected.shape[1]:
            parts.append(selected + self.selected(selected))
        return torch.cat(parts, 1)


class PromptBranch(BottleneckBranch):
    """gate * mlp(x) beside a linear layer; the MLP is shared, the gate a frozen scalar of 1 of the release.

    The MLP is registered once, in `SharedPrompts`; here it is only referred to.
    """

    def __init__(self, mlp: PromptMlp) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.ones(1), requires_grad=False)
        self._shared = (mlp,)

    def down(self) -> tuple[Tensor, Tensor | None]:
        first = self._shared[0].first
        return first.weight, first.bias

    def activate(self, hidden: Tensor) -> Tensor:
        return F.gelu(hidden.contiguous())  # of a slice it takes ten times as long on a CPU

    def up(self) -> tuple[Tensor, Tensor | None]:
        last = self._shared[0].last
        return last.weight * self.gate, last.bias * self.gate
