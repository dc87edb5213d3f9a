"""The part segmentation head of Point-MAE (Pang et al., ECCV 2022), after PointNet++ (Qi et al., NeurIPS 2017)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from pointlora.layers.batch_norm import RowBatchNorm
from pointlora.layers.feature_linear import entry_layer
from pointlora.layers.linear import Linear
from pointlora.layers.split_layers import split_layers
from pointlora.ops.compiling import is_traced
from pointlora.ops.interpolation import interpolation_weights, weighted_rows

_CATEGORY_WIDTH = 64
# Points that are labelled together in evaluation: 100 MB of the widest layer at the published widths.
_BLOCK = 16_384


class PartHead(nn.Module):
    """Scores of the parts at any points of a cloud.

    Each point takes the features of its three nearest centers, weighted by inverse squared distance, behind its own
    coordinates, through two layers; the cloud's summary and the code of its category join them before three more.

    Args:
        level_width: width L of a patch's features.
        summary_width: width S of a cloud's summary.
        num_parts: parts that are told apart.
        num_categories: object categories; 0 for none.
        dims: widths of the two layers of each point and of the two hidden layers behind them.
        dropout: rate before the second of these.
        num_features: numbers F that a query has beside its coordinates: its own colour may decide.
    """

    def __init__(
        self,
        level_width: int,
        summary_width: int,
        num_parts: int,
        num_categories: int,
        dims: Sequence[int],
        dropout: float = 0.5,
        num_features: int = 0,
    ) -> None:
        super().__init__()
        first, second, third, fourth = dims
        self.num_categories, self.summary_width = num_categories, summary_width
        if num_categories:
            self.category = nn.Sequential(
                nn.Linear(num_categories, _CATEGORY_WIDTH, bias=False),
                nn.BatchNorm1d(_CATEGORY_WIDTH),
                nn.LeakyReLU(0.2),
            )
        self.local = nn.Sequential(
            entry_layer(3 + level_width, first, num_features),
            RowBatchNorm(first),
            nn.ReLU(inplace=True),
            Linear(first, second),
            RowBatchNorm(second),
            nn.ReLU(inplace=True),
        )
        self.joint = nn.Sequential(
            Linear(second + summary_width + (_CATEGORY_WIDTH if num_categories else 0), third),
            RowBatchNorm(third),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            Linear(third, fourth),
            RowBatchNorm(fourth),
            nn.ReLU(inplace=True),
            Linear(fourth, num_parts),
        )

    def forward(
        self, queries: Tensor, centers: Tensor, levels: Tensor, summary: Tensor, category: Tensor | None = None
    ) -> Tensor:
        """Scores of the parts.

        Args:
            queries: (B, M, 3 + F) points that want a label.
            centers: (B, G, 3) of the patches.
            levels: (B, G, L) features of the patches.
            summary: (B, S) of the cloud.
            category: (B,) int64, for a head that knows categories.

        Returns:
            (B, M, num_parts).
        """
        if category is not None:
            numbers = torch.arange(self.num_categories, device=category.device)
            one_hot = (category[:, None] == numbers).to(summary.dtype)
            summary = torch.cat([summary, self.category(one_hot).to(summary.dtype)], -1)
        layers = self.local, self.joint
        score = split_layers(*layers, levels, summary) or partial(joined_layers, *layers, levels, summary)
        size = max(_BLOCK // len(queries), 1)
        together = self.training or is_traced() or queries.shape[1] <= size
        blocks = [queries] if together else queries.split(size, 1)
        found = [score(block, *interpolation_weights(block[..., :3], centers)) for block in blocks]
        return found[0] if len(found) == 1 else torch.cat(found, 1)


def joined_layers(
    local: nn.Module,
    joint: nn.Module,
    levels: Tensor,
    summary: Tensor,
    queries: Tensor,
    index: Tensor,
    weights: Tensor,
) -> Tensor:
    """The definition of the head's layers: scores (B, M, parts) of queries (B, M, 3 + F) from the nearest patches.

    Args:
        local, joint: the layers of a point, and those behind the cloud's summary.
        levels: (B, G, L) features of the patches.
        summary: (B, S) of the cloud.
        queries: (B, M, 3 + F).
        index, weights: of the patches nearest to each query, see `interpolation_weights`.
    """
    batch, count, _ = queries.shape
    own = queries.to(levels.dtype)
    near = torch.cat([own[..., :3], weighted_rows(levels, index, weights), own[..., 3:]], -1)
    hidden = local(near.flatten(0, 1)).view(batch, count, -1)
    whole = summary[:, None].expand(-1, count, -1).to(hidden.dtype)
    scores: Tensor = joint(torch.cat([hidden, whole], -1).flatten(0, 1))
    return scores.view(batch, count, -1)
