"""Counting parameters."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn


class ParameterCount(NamedTuple):
    """Numbers of trained and of all parameters of a model, shared ones counted once."""

    trainable: int
    total: int

    @property
    def share(self) -> float:
        """Trained share of all parameters, in [0, 1]."""
        return self.trainable / self.total if self.total else 0.0


def count_parameters(model: nn.Module) -> ParameterCount:
    """Count a model's parameters; buffers don't count."""
    parameters = list(model.parameters())
    trainable = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    return ParameterCount(trainable, sum(parameter.numel() for parameter in parameters))


def head_parameters(model: nn.Module) -> int:
    """Trained parameters of the model's head, which every task makes anew whatever the tuning method is."""
    head = getattr(model, "head", None)
    return count_parameters(head).trainable if isinstance(head, nn.Module) else 0
