"""The MLP of a transformer block (Vaswani et al., 2017; GELU: Hendrycks and Gimpel, 2016)."""

from __future__ import annotations

from torch import Tensor, nn

from pointlora.layers.frozen_mlp import frozen_mlp
from pointlora.layers.linear import Linear, linear_gelu
from pointlora.layers.recomputation import is_recomputed


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
