"""Checks that every operator makes of the clouds it is given."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from pointlora.errors import PointLoraWarning, ShapeError
from pointlora.ops.compiling import is_traced

# The grey of points whose colour isn't known, in networks that were pre-trained with colours.
MISSING_COLOR = 0.4


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


def with_colors(points: Tensor, channels: int, num_features: int = 0, color_features: int | None = None) -> Tensor:
    """Points (B, N, channels + F) as a network takes them: x, y, z, with 6 channels a colour, and then F features.

    Where a network of 6 channels is given no colours, they are all `MISSING_COLOR`, and a warning says so once.

    Args:
        points: (B, N, 3 + F), or with 6 channels (B, N, 6 + F) too.
        channels: 3 or 6.
        num_features: F.
        color_features: at which of the F colours from -1 to 1 begin, which are taken where none are given; None for
            grey.

    Raises:
        ShapeError: for any other shape or type.
    """
    if channels == 3:
        check_points(points, num_features=num_features)
        return points
    width, more = 3 + num_features, channels + num_features
    if isinstance(points, Tensor) and points.ndim == 3 and points.shape[-1] == more:
        check_points(points, num_features=more - 3)
        return points
    if isinstance(points, Tensor) and points.shape[-1:] != (width,):
        raise ShapeError(
            f"points must have shape (B, N, {width}), or (B, N, {more}) with colours, not {tuple(points.shape)}"
        )
    check_points(points, num_features=num_features)
    if color_features is not None:
        colors = (points[..., 3 + color_features : 6 + color_features] + 1) / 2
        return torch.cat([points[..., :3], colors, points[..., 3:]], -1)
    if not is_traced():
        _tell_of_missing_colors()
    grey = torch.full_like(points[..., :3], MISSING_COLOR)
    return torch.cat([points[..., :3], grey, points[..., 3:]], -1)


def without_colors(points: Tensor, num_features: int) -> Tensor:
    """The x, y, z and the F features of points (B, N, 3 + F) or, with colours between them, (B, N, 6 + F)."""
    if points.shape[-1] == 3 + num_features:
        return points
    return torch.cat([points[..., :3], points[..., points.shape[-1] - num_features :]], -1)


@cache
def _tell_of_missing_colors() -> None:
    message = f"the points have no colours: {MISSING_COLOR} is taken for all, as in pre-training"
    warnings.warn(message, PointLoraWarning, stacklevel=2)


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
