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


def check_points(points: Tensor, name: str = "points") -> None:
    """Require a floating-point tensor of shape (B, N, 3) with N >= 1.

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
    if points.ndim != 3 or points.shape[-1] != 3:
        raise ShapeError(f"{name} must have shape (B, N, 3), not {tuple(points.shape)}")
    if not points.is_floating_point():
        raise ShapeError(f"{name} must be floating point, not {points.dtype}: call .float() on it")
    if points.shape[1] == 0:
        raise ShapeError(f"{name} of shape {tuple(points.shape)} holds no points")


def split_colors(points: Tensor, channels: int) -> tuple[Tensor, Tensor | None]:
    """Coordinates (B, N, 3), and for a network that takes 6 channels colours (B, N, 3).

    Where such a network is given no colours, they are all `MISSING_COLOR`, and a warning says so once.

    Args:
        points: (B, N, 3), or with 6 channels (B, N, 6) too.
        channels: 3 or 6.

    Raises:
        ShapeError: for any other shape or type.
    """
    if channels == 3:
        check_points(points)
        return points, None
    if isinstance(points, Tensor) and points.ndim == 3 and points.shape[-1] == 6:
        coordinates = points[..., :3].contiguous()
        check_points(coordinates)
        return coordinates, points[..., 3:]
    if isinstance(points, Tensor) and points.shape[-1:] != (3,):
        raise ShapeError(f"points must have shape (B, N, 3), or (B, N, 6) with colours, not {tuple(points.shape)}")
    check_points(points)
    if not is_traced():
        _tell_of_missing_colors()
    return points, torch.full_like(points, MISSING_COLOR)


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
