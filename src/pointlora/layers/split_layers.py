"""The layers of a part head with their first weights split: what is the same for many points is multiplied once."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from pointlora.layers.batch_norm import run_layers
from pointlora.layers.feature_linear import FeatureLinear
from pointlora.layers.linear import Linear, linear
from pointlora.layers.plain import is_plain, is_unwatched
from pointlora.ops.interpolation import weighted_rows

Score = Callable[[Tensor, Tensor, Tensor], Tensor]


def split_layers(local: nn.Sequential, joint: nn.Sequential, levels: Tensor, summary: Tensor) -> Score | None:
    """What `pointlora.models.part_head.joined_layers` computes; None where its layers have to be called.

    A layer before the interpolation is the same as behind it: once per patch instead of once per point. The summary is
    the same for all points of a cloud, and so is its share of the layer that takes it in.

    Args:
        local, joint: layers of a point, (3 + L) to hidden, and those behind the summary, (hidden + S) to parts.
        levels: (B, G, L) features of the patches.
        summary: (B, S).

    Returns:
        queries (B, M, 3 + F), index and weights (B, M, 3) of `interpolation_weights` to scores (B, M, parts).
    """
    stages = is_unwatched(local) and is_unwatched(joint)
    if not (stages and is_plain(local[0], Linear, FeatureLinear) and is_plain(joint[0], Linear)):
        return None
    enter, last = cast(nn.Linear, local[0]), cast(nn.Linear, joint[0])
    own, patch = enter.weight.split([3, levels.shape[-1]], 1)
    if isinstance(enter, FeatureLinear):
        own = torch.cat([own, enter.features], 1)
    table = linear(levels, patch)
    near, whole = last.weight.split([last.in_features - summary.shape[-1], summary.shape[-1]], 1)
    context = linear(summary, whole, last.bias)[:, None]

    def score(queries: Tensor, index: Tensor, weights: Tensor) -> Tensor:
        hidden = weighted_rows(table, index, weights) + linear(queries, own, enter.bias)
        hidden = run_layers(list(local)[1:], hidden.flatten(0, 1))
        hidden = linear(hidden, near).view(*queries.shape[:2], -1) + context
        return run_layers(list(joint)[1:], hidden.flatten(0, 1)).view(*queries.shape[:2], -1)

    return score
