"""Sampling, neighbours, grouping."""

from __future__ import annotations

from pointlora import ops

from .. import costs
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
    return Case(variants, costs.sampling(BATCH, POINTS, GROUPS))


def knn(context: Context) -> Case:
    """One search."""
    points = context.clouds(BATCH, POINTS)
    centers = points[:, :GROUPS].contiguous()
    variants = {
        "ours": lambda: ops.k_nearest_neighbors(centers, points, SIZE),
        "plain": lambda: plain.nearest_points(centers, points, SIZE),
    }
    return Case(variants, costs.neighbors(BATCH, GROUPS, POINTS, SIZE))


def grouping(context: Context) -> Case:
    """All groupings of a forward of the classifier."""
    settings = context.settings
    points = context.clouds(BATCH, settings.num_points)
    scales = costs.scales_of(settings.sizes)
    variants = {
        "ours": lambda: ops.group_scales(points, [ops.Scale(*scale) for scale in scales]),
        "plain": lambda: [plain.group(points, *scale) for scale in scales],
    }
    return Case(variants, costs.grouping(BATCH, settings.num_points, scales))
