"""A linear head and one with a hidden layer, side by side."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from pointlora.layers.feature_linear import FeatureLinear, entry_layer
from pointlora.layers.linear import Linear

# Units of the hidden layer: on LDraw's training clouds a pair with 64 was no better, and 16 alone were worse.
HIDDEN = 32
DROPOUT = 0.2


class PairedHead(nn.Module):
    """The mean of the logits of a linear layer and of a network with one hidden layer: (B, width) to (B, classes).

    The mean of logits is a product of experts (Hinton, "Training products of experts", Neural Computation 2002). Fitted
    to frozen features each (see `pointlora.training.head_fitting`), they err on different clouds.

    Args:
        width: of the features that a backbone gives.
        num_classes: number of classes.
        num_features: further features, which come last, see `FeatureLinear`.

    Attributes:
        linear: the linear layer.
        enter, leave: the layers before and behind the hidden units.
    """

    def __init__(self, width: int, num_classes: int, num_features: int = 0) -> None:
        super().__init__()
        self.linear = entry_layer(width, num_classes, num_features)
        self.enter = entry_layer(width, HIDDEN, num_features)
        self.dropout = nn.Dropout(DROPOUT)
        self.leave = Linear(HIDDEN, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.leave(self.dropout(functional.relu(self.enter(x))))
        mean: Tensor = (self.linear(x) + hidden) / 2
        return mean


def linear_layer(head: nn.Module) -> nn.Module:
    """The linear layer of a fitted head, which may be all of it."""
    return head.linear if isinstance(head, PairedHead) else head


def reads_features(head: nn.Module) -> bool:
    """Whether a head reads what points have beside x, y, z on its own."""
    return isinstance(linear_layer(head), FeatureLinear)
