"""Features of any point from those of the centers nearest to it, by inverse squared distance.

Qi et al., "PointNet++: deep hierarchical feature learning on point sets in a metric space", NeurIPS 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pointlora.errors import ShapeError
from pointlora.ops.compiling import is_translated
from pointlora.ops.neighbors import gather_points, nearest_indices
from pointlora.ops.validation import check_points

# Keeps the weight of a center finite for the point that it stands on.
_EPSILON = 1e-8


def interpolate_features(queries: Tensor, centers: Tensor, features: Tensor, k: int = 3) -> Tensor:
    """Weighted means of the features of the k nearest centers; weights 1 / (d² + 1e-8), which sum to 1.

    Neighbours are searched in blocks of queries, and the sums need no memory but the result's. Gradients flow to the
    features; positions have none.

    Args:
        queries: (B, M, 3) points that want features.
        centers: (B, G, 3) points that have them.
        features: (B, G, C).
        k: how many centers count; all of them where there are fewer.

    Returns:
        (B, M, C).

    Raises:
        ShapeError: for a wrong shape or type, or k below 1.
    """
    check_points(queries, "queries")
    check_points(centers, "centers")
    if features.ndim != 3 or features.shape[:2] != centers.shape[:2] or len(queries) != len(centers):
        raise ShapeError(
            f"features {tuple(features.shape)} must be (B, G, C) for centers {tuple(centers.shape)} and queries "
            f"{tuple(queries.shape)}"
        )
    if k < 1:
        raise ShapeError(f"k is {k}, but at least one center must count")
    index, weights = interpolation_weights(queries, centers, k)
    return weighted_rows(features, index, weights)


@torch.no_grad()
def interpolation_weights(queries: Tensor, centers: Tensor, k: int = 3) -> tuple[Tensor, Tensor]:
    """Which centers count for each query, and how much; without checks.

    Args:
        queries: (B, M, 3).
        centers: (B, G, 3).
        k: see `interpolate_features`.

    Returns:
        (B, M, k) int64 indices into G, nearest first, and (B, M, k) float32 weights that sum to 1.
    """
    queries, centers = queries.float(), centers.float()
    index = nearest_indices(queries, centers, min(k, centers.shape[1]))
    distances = (gather_points(centers, index) - queries[:, :, None]).square().sum(-1)
    if is_translated():  # whose optimizer takes a summand of 1e-8 for none, and divides by zero at a center
        weights = 1 / (distances * (1 / _EPSILON) + 1)
    else:
        weights = 1 / (distances + _EPSILON)
    return index, weights / weights.sum(-1, keepdim=True)


def weighted_rows(rows: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """Sums (B, M, C) of k rows of (B, G, C) each, chosen by `index` (B, M, k) and times `weights` (B, M, k)."""
    batch, groups, width = rows.shape
    if is_translated():
        return (gather_points(rows, index) * weights[..., None].to(rows.dtype)).sum(2)
    offsets = groups * torch.arange(batch, device=rows.device)
    flat = (index + offsets[:, None, None]).flatten(0, 1)
    # One table for the whole batch: rows are read, weighted and added up in one pass, without a copy of k x M rows.
    summed = F.embedding_bag(
        flat, rows.reshape(-1, width), mode="sum", per_sample_weights=weights.flatten(0, 1).to(rows.dtype)
    )
    return summed.view(batch, -1, width)


def interpolate_features_reference(queries: Tensor, centers: Tensor, features: Tensor, k: int = 3) -> Tensor:
    """The same means, one query at a time, as the definition reads; for tests."""
    found = []
    for query_cloud, center_cloud, feature_cloud in zip(queries, centers, features, strict=True):
        for query in query_cloud:
            distances = (center_cloud - query).square().sum(-1)
            nearest = distances.argsort(stable=True)[:k]
            weights = 1 / (distances[nearest] + _EPSILON)
            found.append((weights[:, None] * feature_cloud[nearest]).sum(0) / weights.sum())
    return torch.stack(found).view(*queries.shape[:2], -1)
