"""Sampling, neighbours, grouping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pointlora import ops

from .. import costs
from ..models import checked
from ..plain import geometry as plain
from ..settings import Case, Context

BATCH, POINTS, GROUPS, SIZE = 32, 2048, 128, 32


def fps(context: Context) -> Case:
    """One sampling run."""
    points = context.clouds(BATCH, POINTS)
    variants = {
        "ours": lambda: ops.farthest_point_sampling(points, GROUPS),
        "plain": lambda: plain.farthest_points(points, GROUPS),
    }
    different = (variants["ours"]() != variants["plain"]()).sum().item()
    context.agreement["picks"] = checked("picks", different)
    return Case(variants, costs.sampling(BATCH, POINTS, GROUPS))


def knn(context: Context) -> Case:
    """One search."""
    points = context.clouds(BATCH, POINTS)
    centers = points[:, :GROUPS].contiguous()
    variants = {
        "ours": lambda: ops.k_nearest_neighbors(centers, points, SIZE),
        "plain": lambda: plain.nearest_points(centers, points, SIZE),
    }
    found = [_distances(points, centers, variant()) for variant in variants.values()]
    context.agreement["distances of neighbours"] = checked("distances of neighbours", _largest(found[0] - found[1]))
    return Case(variants, costs.neighbors(BATCH, GROUPS, POINTS, SIZE))


def grouping(context: Context) -> Case:
    """All groupings of a forward of the classifier."""
    settings = context.settings
    points = context.clouds(BATCH, settings.num_points)
    scales = costs.scales_of(settings.sizes)
    variants: dict[str, Callable[[], Any]] = {
        "ours": lambda: ops.group_scales(points, [ops.Scale(*scale) for scale in scales]),
        "plain": lambda: [plain.group(points, *scale) for scale in scales],
    }
    pairs = zip(variants["ours"](), variants["plain"](), strict=True)
    differences = [_largest(ours.centers - centers) for ours, (_, centers) in pairs]
    context.agreement["centers"] = checked("centers", max(differences))
    return Case(variants, costs.grouping(BATCH, settings.num_points, scales))


def _distances(points: Tensor, centers: Tensor, index: Tensor) -> Tensor:
    """Distances (B, M, k) of the chosen points: equally near ones may stand in another order."""
    return (plain.pick_points(points, index) - centers[:, :, None]).norm(dim=-1)


def _largest(difference: Tensor) -> float:
    return torch.linalg.vector_norm(difference, ord=torch.inf).item()
