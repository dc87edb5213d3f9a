"""Checks that every operator makes of the clouds it is given."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pointlora.errors import ShapeError


def check_points(points: Tensor, name: str = "points", num_features: int | None = 0) -> None:
    """Require a floating-point tensor of shape (B, N, 3) with N >= 1, or (B, N, 3 + F).

    Args:
        points: to look at.
        name: for messages.
        num_features: F; None for any number of features.

    Raises:
        ShapeError: naming the shape or type found, and for a list of clouds what to do with ragged sizes.
    """
    if isinstance(points, Sequence) and not isinstance(points, Tensor):
        sizes = sorted({len(cloud) for cloud in points})
        raise ShapeError(
            f"{name} is a list of {len(points)} clouds with {sizes[:4]} points: stack clouds of equal size into one "
            "(B, N, 3) tensor, or pad them and pass `lengths`"
        )
    if not isinstance(points, Tensor):
        raise ShapeError(f"{name} must be a (B, N, 3) torch tensor, not {type(points).__name__}")
    if getattr(points, "is_nested", False):
        raise ShapeError(f"{name} is a nested tensor: pad the clouds to one (B, N, 3) tensor and pass `lengths`")
    width = points.shape[-1] if points.ndim == 3 else 0
    if width < 3 or (num_features is not None and width != 3 + num_features):
        of = f" for {num_features} features beside x, y, z" if num_features else ""
        raise ShapeError(f"{name} must have shape (B, N, {3 + (num_features or 0)}){of}, not {tuple(points.shape)}")
    if not points.is_floating_point():
        raise ShapeError(f"{name} must be floating point, not {points.dtype}: call .float() on it")
    if points.shape[1] == 0:
        raise ShapeError(f"{name} of shape {tuple(points.shape)} holds no points")


def check_count(count: int, available: int, name: str, what: str = "points") -> None:
    """Require 1 <= count <= available.

    Raises:
        ShapeError: naming the count asked for and the number there is.
    """
    if not 1 <= count <= available:
        raise ShapeError(f"{name} is {count}, but it must lie between 1 and the {available} {what} of each cloud")


def check_lengths(lengths: Tensor, batch: int, num_points: int, minimum: int) -> None:
    """Require `lengths` (B,) of integers between `minimum` and N.

    Raises:
        ShapeError: naming the first cloud whose length doesn't fit.
    """
    if lengths.shape != (batch,) or lengths.dtype not in (torch.int32, torch.int64):
        raise ShapeError(f"lengths must be ({batch},) integers, not {tuple(lengths.shape)} of {lengths.dtype}")
    wrong = ((lengths < minimum) | (lengths > num_points)).nonzero().flatten().tolist()
    if wrong:
        raise ShapeError(
            f"cloud {wrong[0]} has length {int(lengths[wrong[0]])}, but it must lie between the {minimum} points "
            f"asked for and the padded size {num_points}"
        )
