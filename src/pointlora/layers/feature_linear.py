"""A linear layer whose columns for the features of points are a parameter of their own, and start at zero.

So a network that was pre-trained on x, y, z computes at first what it would without features, whatever they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointlora.layers.linear import Linear, linear


class FeatureLinear(Linear):
    """A linear layer on (..., in_features + num_features), the features last.

    Attributes:
        features: (out_features, num_features), the columns of the features.
    """

    def __init__(self, in_features: int, out_features: int, num_features: int, bias: bool = True) -> None:
        super().__init__(in_features, out_features, bias)
        self.features = nn.Parameter(torch.zeros(out_features, num_features))

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, whole_weight(self), self.bias)


def entry_layer(in_features: int, out_features: int, num_features: int, bias: bool = True) -> Linear:
    """The first layer of a stack on points: a plain one where they have no features."""
    if num_features:
        return FeatureLinear(in_features, out_features, num_features, bias)
    return Linear(in_features, out_features, bias)


def whole_weight(layer: nn.Linear) -> Tensor:
    """The weight (out, in) of all the columns that a layer takes; those of features stand last."""
    return torch.cat([layer.weight, layer.features], 1) if isinstance(layer, FeatureLinear) else layer.weight
