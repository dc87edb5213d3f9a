"""DoRA (Liu et al., "DoRA: weight-decomposed low-rank adaptation", ICML 2024): LoRA turns the rows of a weight, and
their lengths are trained on their own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointlora.methods.lora import LoraBranch


class DoraBranch(LoraBranch):
    """m V x / |V| in the place of W x, with V = W + scaling * B A, a length |V| and a magnitude m for each row.

    The magnitudes start at the lengths of W's rows, so the branch starts at nothing. Lengths are constants in the
    backward, as the paper advises (section 4.3). Dropout acts on the input of B A alone.

    Args:
        layer, rank, scaling, dropout: see `LoraBranch`.
    """

    def __init__(self, layer: nn.Linear, rank: int, scaling: float, dropout: float = 0.0) -> None:
        super().__init__(layer, rank, scaling, dropout)
        self.magnitude = nn.Parameter(torch.linalg.vector_norm(layer.weight.detach(), dim=1))
        # The model owns the layer; here it is only referred to.
        self._layer = (layer,)
        self._merged_factors = torch.empty(0)

    def may_stack(self) -> bool:
        return False

    def factors(self, weight: Tensor) -> Tensor:
        """m / |V| of each row (out,) for the layer's weight W (out, in)."""
        with torch.no_grad():
            lengths = torch.linalg.vector_norm(weight + self.delta(), dim=1)
        return self.magnitude / lengths.clamp_min(torch.finfo(lengths.dtype).tiny)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        (layer,) = self._layer
        turned, factors = y + self.added(x), self.factors(layer.weight).to(y.dtype)
        if layer.bias is None:
            return turned * factors
        bias = layer.bias.to(y.dtype)
        return torch.addcmul(bias, turned - bias, factors)

    def merge_into(self, weight: Tensor) -> None:
        self._merged_factors = self.factors(weight).detach()
        weight.add_(self.delta()).mul_(self._merged_factors[:, None])

    def take_out_of(self, weight: Tensor) -> None:
        factors = self._merged_factors.to(weight.device)
        weight.div_(torch.where(factors == 0, 1, factors)[:, None]).sub_(self.delta())
