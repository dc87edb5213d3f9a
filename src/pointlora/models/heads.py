"""Heads on the pooled features of a backbone."""

from __future__ import annotations

from torch import nn


def classification_head(width: int, num_classes: int, hidden: int = 256, dropout: float = 0.5) -> nn.Sequential:
    """Point-MAE's head: two hidden layers with BatchNorm, ReLU and dropout. (B, width) to (B, num_classes)."""
    return nn.Sequential(
        nn.Linear(width, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.BatchNorm1d(hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(hidden, num_classes),
    )
