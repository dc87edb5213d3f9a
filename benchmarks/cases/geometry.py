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
    ours, theirs = (variant() for variant in variants.values())
    picked = [plain.pick_points(points, index) for index in (ours, theirs)]
    _check_picks(context, "picks", (ours != theirs).sum().item(), points, picked)
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
    pairs = list(zip(variants["ours"](), variants["plain"](), strict=True))
    difference = max(_largest(ours.centers - centers) for ours, (_, centers) in pairs)
    picked = [found for ours, (_, centers) in pairs for found in (ours.centers, centers)]
    _check_picks(context, "centers", difference, points, picked)
    return Case(variants, costs.grouping(BATCH, settings.num_points, scales))


def _check_picks(context: Context, what: str, difference: float, points: Tensor, picked: list[Tensor]) -> None:
    """Both sides must pick equal points on a CPU, and farthest points on a GPU.

    There torch may add up three squares in another order. Two points that are equally far but for rounding can then
    change places, and all later picks of that cloud differ.

    Args:
        context: where the results are noted.
        what: is compared.
        difference: of both sides.
        points: (B, N, 3).
        picked: the coordinates (B, M, 3) of each side's picks, in their order.

    Raises:
        DisagreementError: if they don't.
    """
    if context.device.type == "cpu":
        context.agreement[what] = checked(what, difference)
        return
    context.agreement[what] = difference
    missing = "distances of picks and of farthest points"
    context.agreement[missing] = checked(missing, max(shortfall(points, centers) for centers in picked))


def shortfall(points: Tensor, centers: Tensor) -> float:
    """How much nearer than the farthest point a pick was at most, in float64.

    Args:
        points: (B, N, 3).
        centers: (B, M, 3) points of these, in the order in which they were picked; the first one may be any.
    """
    points, centers = points.double(), centers.double()
    distances, own = (
        torch.cdist(centers, others, compute_mode="donot_use_mm_for_euclid_dist") for others in (points, centers)
    )
    farthest = distances.cummin(1).values[:, :-1].amax(-1)
    later = torch.ones_like(own, dtype=torch.bool).triu()
    return (farthest - own.masked_fill(later, torch.inf).amin(-1)[:, 1:]).amax().item()


def _distances(points: Tensor, centers: Tensor, index: Tensor) -> Tensor:
    """Distances (B, M, k) of the chosen points: equally near ones may stand in another order."""
    return (plain.pick_points(points, index) - centers[:, :, None]).norm(dim=-1)


def _largest(difference: Tensor) -> float:
    return torch.linalg.vector_norm(difference, ord=torch.inf).item()
