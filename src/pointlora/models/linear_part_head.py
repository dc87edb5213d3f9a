"""A linear head for part segmentation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointlora.layers.linear import Linear, linear
from pointlora.ops.interpolation import interpolation_weights, weighted_rows


class LinearPartHead(nn.Module):
    """Scores of the parts, linear in [features interpolated at the point, its own, summary of the cloud, category].

    Args:
        level_width: width L of a patch's features.
        summary_width: width S of a cloud's summary.
        num_parts: parts that are told apart.
        num_categories: object categories; 0 for none.
        num_features: numbers F that a query has beside its coordinates.
    """

    def __init__(
        self, level_width: int, summary_width: int, num_parts: int, num_categories: int, num_features: int = 0
    ) -> None:
        super().__init__()
        self.num_categories = num_categories
        self.local = Linear(level_width, num_parts, bias=False)
        if num_features:
            self.own = nn.Parameter(torch.zeros(num_parts, num_features))
        self.whole = Linear(summary_width + num_categories, num_parts)

    def forward(
        self, queries: Tensor, centers: Tensor, levels: Tensor, summary: Tensor, category: Tensor | None = None
    ) -> Tensor:
        """Scores (B, M, num_parts); arguments as for `PartHead`."""
        index, weights = interpolation_weights(queries[..., :3], centers)
        # Interpolation commutes with a linear layer, which is narrower behind it.
        near = weighted_rows(self.local(levels), index, weights)
        scores: Tensor = near + self.whole(self.context(summary, category))[:, None]
        return scores + linear(queries[..., 3:], self.own) if queries.shape[-1] > 3 else scores

    def features(
        self, queries: Tensor, centers: Tensor, levels: Tensor, summary: Tensor, category: Tensor | None = None
    ) -> Tensor:
        """(B, M, L + F + S + categories): what the scores are linear in."""
        near = weighted_rows(levels, *interpolation_weights(queries[..., :3], centers))
        whole = self.context(summary, category)[:, None].expand(-1, queries.shape[1], -1)
        return torch.cat([near, queries[..., 3:].to(near.dtype), whole.to(near.dtype)], -1)

    def context(self, summary: Tensor, category: Tensor | None) -> Tensor:
        """(B, S + categories) of a cloud."""
        if category is None:
            return summary
        numbers = torch.arange(self.num_categories, device=category.device)
        return torch.cat([summary, (category[:, None] == numbers).to(summary.dtype)], -1)
