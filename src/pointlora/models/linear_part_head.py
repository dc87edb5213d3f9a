"""A linear head for part segmentation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointlora.layers.linear import Linear
from pointlora.ops.interpolation import interpolation_weights, weighted_rows


class LinearPartHead(nn.Module):
    """Scores of the parts, linear in [features interpolated at the point, summary of the cloud, category].

    Args:
        level_width: width L of a patch's features.
        summary_width: width S of a cloud's summary.
        num_parts: parts that are told apart.
        num_categories: object categories; 0 for none.
    """

    def __init__(self, level_width: int, summary_width: int, num_parts: int, num_categories: int) -> None:
        super().__init__()
        self.num_categories = num_categories
        self.local = Linear(level_width, num_parts, bias=False)
        self.whole = Linear(summary_width + num_categories, num_parts)

    def forward(
        self, queries: Tensor, centers: Tensor, levels: Tensor, summary: Tensor, category: Tensor | None = None
    ) -> Tensor:
        """Scores (B, M, num_parts); arguments as for `PartHead`."""
        index, weights = interpolation_weights(queries, centers)
        # Interpolation commutes with a linear layer, which is narrower behind it.
        near = weighted_rows(self.local(levels), index, weights)
        scores: Tensor = near + self.whole(self.context(summary, category))[:, None]
        return scores

    def features(
        self, queries: Tensor, centers: Tensor, levels: Tensor, summary: Tensor, category: Tensor | None = None
    ) -> Tensor:
        """(B, M, L + S + categories): what the scores are linear in."""
        near = weighted_rows(levels, *interpolation_weights(queries, centers))
        whole = self.context(summary, category)[:, None].expand(-1, queries.shape[1], -1)
        return torch.cat([near, whole.to(near.dtype)], -1)

    def context(self, summary: Tensor, category: Tensor | None) -> Tensor:
        """(B, S + categories) of a cloud."""
        if category is None:
            return summary
        numbers = torch.arange(self.num_categories, device=category.device)
        return torch.cat([summary, (category[:, None] == numbers).to(summary.dtype)], -1)
