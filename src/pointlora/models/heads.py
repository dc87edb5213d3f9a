"""Heads on the pooled features of a backbone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointlora.layers.linear import Linear


def classification_head(width: int, num_classes: int, hidden: int = 256, bias: bool = True) -> nn.Sequential:
    """Point-MAE's head: two hidden layers with BatchNorm, ReLU and dropout. (B, width) to (B, num_classes).

    Args:
        width: of the pooled features.
        num_classes: number of classes.
        hidden: width of the first hidden layer; the second has 256.
        bias: whether the layers before a BatchNorm have one.
    """
    return nn.Sequential(
        nn.Linear(width, hidden, bias),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(hidden, 256, bias),
        nn.BatchNorm1d(256),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(256, num_classes),
    )


def plain_head(width: int, num_classes: int) -> nn.Sequential:
    """Point-BERT's head: one hidden layer without normalisation. (B, width) to (B, num_classes)."""
    return nn.Sequential(Linear(width, 256), nn.ReLU(inplace=True), nn.Dropout(0.5), Linear(256, num_classes))


def feature_summary(points: Tensor, num_features: int) -> Tensor:
    """Mean and deviation over each cloud of the F last numbers of points (B, N, 3 + F): (B, 2F) float32."""
    features = points[..., points.shape[-1] - num_features :].float()
    mean = features.mean(1)
    return torch.cat([mean, (features - mean[:, None]).square().mean(1).sqrt()], -1)
