"""Chamfer distance between two sets of points (Fan et al., "A point set generation network", CVPR 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

from pointlora.errors import ShapeError
from pointlora.ops.neighbors import gather_points, squared_distances
from pointlora.ops.validation import check_points


def chamfer_distance(predicted: Tensor, target: Tensor, norm: str = "l2") -> Tensor:
    """Mean distance from each point to the nearest point of the other set, both directions.

    `l2`: means of squared distances, the two directions added. `l1`: means of unsquared distances, averaged.
    Neighbours are found without gradient; only the chosen pairs are differentiated.

    Args:
        predicted: (B, P, 3).
        target: (B, Q, 3).
        norm: `l2` or `l1`.

    Returns:
        A scalar, the mean over the batch.

    Raises:
        ShapeError: for wrong shapes or an unknown norm.
    """
    check_points(predicted, "predicted")
    check_points(target, "target")
    if norm not in ("l1", "l2"):
        raise ShapeError(f"norm is {norm!r}, but it must be 'l1' or 'l2'")
    if len(predicted) != len(target):
        raise ShapeError(f"predicted has {len(predicted)} clouds and target {len(target)}: the batches must be equal")
    predicted, target = predicted.float(), target.float()
    with torch.no_grad():
        distances = squared_distances(predicted, target)
        to_target, to_predicted = distances.argmin(2), distances.argmin(1)
    forward = (predicted - gather_points(target, to_target)).square().sum(-1)
    backward = (target - gather_points(predicted, to_predicted)).square().sum(-1)
    if norm == "l2":
        return forward.mean() + backward.mean()
    # The square root has no finite gradient at 0; a coincident pair contributes 0 and no gradient.
    return (_safe_sqrt(forward).mean() + _safe_sqrt(backward).mean()) / 2


def chamfer_distance_reference(predicted: Tensor, target: Tensor, norm: str = "l2") -> Tensor:
    """The same value from the full matrix of distances in float64; for tests."""
    squared = (predicted.double()[:, :, None] - target.double()[:, None]).square().sum(-1)
    forward, backward = squared.amin(2), squared.amin(1)
    if norm == "l2":
        return forward.mean() + backward.mean()
    return (forward.sqrt().mean() + backward.sqrt().mean()) / 2


def _safe_sqrt(squared: Tensor) -> Tensor:
    positive = squared > 0
    return torch.where(positive, torch.where(positive, squared, 1.0).sqrt(), 0.0)
