"""A network with one hidden layer, fitted to features that are there already: seconds, where epochs take minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from pointlora.randomness import isolated_randomness
from pointlora.training.logistic_regression import Fit, Rows, standardisation

# Up to so many clouds -> steps, and clouds per step, chosen on LDraw's training clouds. Those of more were not tried.
_STEPS = ((300, 1200, 16), (2000, 2400, 16))
_MANY = (4800, 64)
_LR, _WEIGHT_DECAY = 3e-3, 0.05
_WARM_UP = 0.05


class HiddenFit(NamedTuple):
    """leave(relu(enter(features))), features as they are.

    Attributes:
        enter: weight (units, D) and bias (units,).
        leave: weight (classes, units) and bias (classes,).
    """

    enter: Fit
    leave: Fit


def fit_hidden(
    copies: Sequence[Rows],
    classes: int,
    units: int,
    dropout: float,
    seed: int = 0,
    class_weights: Tensor | None = None,
    gains: Tensor | None = None,
) -> HiddenFit:
    """Minimise the cross-entropy, with BatchNorm before the hidden units and dropout behind them.

    AdamW (Loshchilov and Hutter, ICLR 2019) with a learning rate of one cycle (Smith and Topin, 2018). In each step
    every cloud comes as one of its copies. Standardisation and BatchNorm, with the statistics of all rows, are folded
    into the weights.

    Args:
        copies: the clouds as they are and augmented copies, row by row alike.
        classes: how many.
        units: of the hidden layer.
        dropout: their rate.
        seed: of the first weights, the order of clouds and the dropout.
        class_weights: (classes,) of the cross-entropy, a mean by these weights; None weighs all alike.
        gains: (D,) factors of the standardised features, see `fit_rows`.
    """
    features, labels = torch.stack([rows.features for rows in copies]), copies[0].labels
    mean, deviation = standardisation(features.flatten(0, 1), gains)
    features = (features - mean) / deviation
    count = len(labels)
    steps, batch = next((found for most, *found in _STEPS if count <= most), _MANY)
    with isolated_randomness("hidden layer", seed), torch.enable_grad():
        enter, norm, leave = nn.Linear(features.shape[2], units), nn.BatchNorm1d(units), nn.Linear(units, classes)
        layers = nn.Sequential(enter, norm, nn.ReLU(), nn.Dropout(dropout), leave)
        optimizer = torch.optim.AdamW(layers.parameters(), _LR, weight_decay=_WEIGHT_DECAY)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LR, steps, pct_start=_WARM_UP)
        order = torch.empty(0, dtype=torch.int64)
        for _ in range(steps):
            if len(order) < min(batch, count):
                order = torch.randperm(count)
            chosen, order = order[:batch], order[batch:]
            which = torch.randint(len(copies), (len(chosen),))
            loss = functional.cross_entropy(layers(features[which, chosen]), labels[chosen], class_weights)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    with torch.no_grad():
        weight, bias = _normalised(enter, norm, features.flatten(0, 1))
        weight = weight / deviation
        return HiddenFit(Fit(weight, bias - weight @ mean), Fit(leave.weight.detach(), leave.bias.detach()))


def _normalised(enter: nn.Linear, norm: nn.BatchNorm1d, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of a layer and the norm behind it, with the statistics that it has on these rows."""
    hidden = enter(rows)
    factor = norm.weight / (hidden.var(0, correction=0) + norm.eps).sqrt()
    return enter.weight * factor[:, None], norm.bias + factor * (enter.bias - hidden.mean(0))
