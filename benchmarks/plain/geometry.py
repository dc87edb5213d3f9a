"""Sampling, neighbours, grouping and Chamfer distance with whole-tensor operations."""

from __future__ import annotations

import torch
from torch import Tensor


def farthest_points(points: Tensor, count: int) -> Tensor:
    """Indices (B, count) of farthest points of (B, N, 3): the loop that most public codes have."""
    batch, total, _ = points.shape
    picks = torch.zeros(batch, count, dtype=torch.long, device=points.device)
    distances = torch.full((batch, total), 1e10, device=points.device)
    pick = torch.zeros(batch, dtype=torch.long, device=points.device)
    rows = torch.arange(batch, device=points.device)
    for step in range(count):
        picks[:, step] = pick
        center = points[rows, pick][:, None]
        distances = torch.min(distances, ((points - center) ** 2).sum(-1))
        pick = distances.max(-1)[1]
    return picks


def nearest_points(queries: Tensor, points: Tensor, count: int) -> Tensor:
    """Indices (B, M, count) of the nearest points of each query.

    Distances are exact: the matrix-product form of `cdist` is no faster for three coordinates, and it swaps neighbours.
    """
    distances = torch.cdist(queries, points, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.topk(count, dim=-1, largest=False)[1]


def pick_points(points: Tensor, index: Tensor) -> Tensor:
    """Rows of (B, N, C) by (B, ...) indices."""
    rows = torch.arange(len(points), device=points.device).view(-1, *(1,) * (index.ndim - 1))
    return points[rows, index]


def group(points: Tensor, num_groups: int, group_size: int) -> tuple[Tensor, Tensor]:
    """Patches (B, G, K, 3) relative to their centers, and the centers (B, G, 3)."""
    centers = pick_points(points, farthest_points(points, num_groups))
    patches = pick_points(points, nearest_points(centers, points, group_size))
    return patches - centers[:, :, None], centers


def chamfer(predicted: Tensor, target: Tensor) -> Tensor:
    """Chamfer L2 of (B, P, 3) and (B, Q, 3) from all pairs of points, which autograd goes back through."""
    squared = ((predicted[:, :, None] - target[:, None]) ** 2).sum(-1)
    return squared.min(2)[0].mean() + squared.min(1)[0].mean()
