"""Cutting a cloud into patches at several scales in one pass: one sampling run, one matrix of distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pointlora.ops.neighbors import gather_points, nearest_indices
from pointlora.ops.sampling import farthest_point_sampling
from pointlora.ops.validation import check_count, check_points


class Scale(NamedTuple):
    """How many patches to cut, and how many points each holds."""

    num_groups: int
    group_size: int


class Patches(NamedTuple):
    """Patches of a batch of clouds.

    Attributes:
        centers: (B, G, 3).
        neighborhoods: (B, G, K, 3 + F), nearest first; coordinates are relative to their center, features absolute.
        strips: where they were cut together with other scales: tensors (B, g, k, 3 + F) that the scales share. Joined
            along g, the first K points of each are the neighborhoods.
    """

    centers: Tensor
    neighborhoods: Tensor
    strips: tuple[Tensor, ...] = ()


@torch.no_grad()
def group_scales(points: Tensor, scales: Sequence[Scale], lengths: Tensor | None = None) -> list[Patches]:
    """Group each cloud at every scale: farthest points as centers, their nearest points as patches.

    Farthest point sampling is nested, and the nearest k of a center are the first k of its nearest K. So one run for
    the largest number of groups and one search a center give the same patches as one whole grouping a scale.

    Args:
        points: (B, N, 3), or (B, N, 3 + F) with features, which go with their points and decide nothing.
        scales: one `Scale` or (num_groups, group_size) pair for each grouping wanted.
        lengths: (B,) number of real points of padded clouds.

    Returns:
        One `Patches` a scale, in the given order. Equal scales share their tensors.

    Raises:
        ShapeError: when a cloud has fewer points than a scale needs.
    """
    check_points(points, num_features=None)
    scales = [Scale(*scale) for scale in scales]
    for scale in scales:
        check_count(scale.num_groups, points.shape[1], "num_groups")
        check_count(scale.group_size, points.shape[1], "group_size")
    points = points.float()
    places = points[..., :3].contiguous()
    most = max(scale.num_groups for scale in scales)
    centers = gather_points(places, farthest_point_sampling(places, most, lengths=lengths))
    return _cut(points, places, centers, scales, lengths)


def _cut(
    points: Tensor, places: Tensor, centers: Tensor, scales: Sequence[Scale], lengths: Tensor | None
) -> list[Patches]:
    """The patches around the centers, of points (B, N, 3 + F) at the places (B, N, 3)."""
    largest = max(scale.group_size for scale in scales)
    if lengths is not None:
        check_count(largest, int(lengths.min()), "group_size")
    # Centers between two successive group counts belong to the same scales: search once for the widest of these.
    strips: list[Tensor] = []
    begin = 0
    for end in sorted({scale.num_groups for scale in scales}):
        widest = max(scale.group_size for scale in scales if scale.num_groups >= end)
        index = nearest_indices(centers[:, begin:end], places, widest, lengths)
        strips.append(_relative(gather_points(points, index), centers[:, begin:end, None]))
        begin = end
    patches = {scale: _patches_of(scale, centers, strips) for scale in set(scales)}
    return [patches[scale] for scale in scales]


def _relative(points: Tensor, centers: Tensor) -> Tensor:
    """Points (B, G, K, 3 + F) relative to centers (B, G, 1, 3); their features as they are."""
    if points.shape[-1] == 3:
        return points - centers
    return torch.cat([points[..., :3] - centers, points[..., 3:]], -1)


def _patches_of(scale: Scale, centers: Tensor, strips: Sequence[Tensor]) -> Patches:
    """The patches of one scale: as many strips of centers as it has groups, as many neighbours as it has points."""
    used, missing = [], scale.num_groups
    for strip in strips:
        if missing > 0:
            used.append(strip)
            missing -= strip.shape[1]
    parts = [strip[:, :, : scale.group_size] for strip in used]
    neighborhoods = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
    return Patches(centers[:, : scale.num_groups], neighborhoods, tuple(used))


def group_scales_reference(points: Tensor, scales: Sequence[Scale]) -> list[Patches]:
    """The same patches from a separate sampling run and a separate full sort a scale; for tests."""
    from pointlora.ops.neighbors import k_nearest_neighbors_reference
    from pointlora.ops.sampling import farthest_point_sampling_reference

    result = []
    for num_groups, group_size in scales:
        places = points[..., :3]
        centers = gather_points(places, farthest_point_sampling_reference(places, num_groups))
        index = k_nearest_neighbors_reference(centers, places, group_size)
        shifts = functional.pad(centers, (0, points.shape[-1] - 3))
        result.append(Patches(centers, gather_points(points, index) - shifts[:, :, None]))
    return result
