"""Two views of clouds, made on the device that trains: turned, seen from one side, cut, thinned, noisy, stretched.

All of a batch is drawn from one generator, so that a view is a function of (seed, epoch, batch).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# Depth buffer of a view from one side: cells per axis, and how far behind the nearest point of its cell, in units of
# the radius, a point is still seen.
CELLS = 16
THICKNESS = 0.2
# A view that would show less than this share of the points shows all.
LEAST_SEEN = 0.15
# The thinnest view has this share of the points that are seen, and no view fewer different points than this.
THINNEST = 1 / 8
FEWEST_POINTS = 64
# As in the augmentation of the published recipes.
SCALES = (2 / 3, 3 / 2)
SHIFT = 0.2


class ViewRanges(NamedTuple):
    """How far views go; shares are of the views.

    Attributes:
        turned: share that is turned by any angle about the up axis.
        one_sided: share that shows only what is seen from a random direction.
        cut: share of which up to half is cut off by a plane.
        thinned: share with fewer different points, down to an eighth.
        jitter: largest standard deviation of the noise of a point; the radius is 1.
        tilt: standard deviation of the lean of the up axis, in radians.
    """

    turned: float
    one_sided: float
    cut: float
    thinned: float
    jitter: float
    tilt: float


# The first view is much like what fine-tuning sees, and hidden patches of it are rebuilt; the second is often what is
# seen of the same object from one side. Second views that are cut, noisier and lean cost detail (docs/pretraining.md).
FIRST = ViewRanges(turned=0.5, one_sided=0.0, cut=0.0, thinned=0.1, jitter=0.005, tilt=0.0)
SECOND = ViewRanges(turned=1.0, one_sided=0.4, cut=0.0, thinned=0.1, jitter=0.005, tilt=0.0)


def make_views(clouds: Tensor, count: int, up: int, ranges: ViewRanges, generator: torch.Generator) -> Tensor:
    """One random view of each cloud.

    Args:
        clouds: (B, P, 3) float32, each in the unit sphere.
        count: points N of a view; the P points are repeated where fewer are seen.
        up: 0, 1 or 2, the up axis.
        ranges: how far views go.
        generator: on the device of the clouds.

    Returns:
        (B, N, 3) float32: in the unit sphere, then scaled by axis and shifted as in fine-tuning.
    """
    batch, points, _ = clouds.shape

    def uniform(*shape: int) -> Tensor:
        return torch.rand(batch, *shape, device=clouds.device, generator=generator)

    def normal(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, device=clouds.device, generator=generator)

    angle = uniform(1) * (uniform(1) < ranges.turned)
    turned = clouds @ _turns(angle, ranges.tilt * normal(2), up)
    direction = functional.normalize(normal(3), dim=1)
    seen = (uniform(1) >= ranges.one_sided) | seen_from(turned, direction)
    plane = functional.normalize(normal(3), dim=1)
    seen &= (uniform(1) >= ranges.cut) | _beyond(turned, plane, 0.5 * uniform(1))
    left = seen.sum(1, keepdim=True)
    seen |= left < LEAST_SEEN * points
    left = seen.sum(1, keepdim=True)
    thinner = torch.where(uniform(1) < ranges.thinned, torch.exp(uniform(1) * math.log(THINNEST)), 1.0)
    left = (left * thinner).long().clamp(min=min(FEWEST_POINTS, points))
    # What is seen comes first, in random order.
    order = (uniform(points) + (~seen).float()).argsort(1)
    places = torch.arange(count, device=clouds.device)[None] % left
    chosen = turned.gather(1, order.gather(1, places)[..., None].expand(-1, -1, 3))
    chosen = chosen + ranges.jitter * uniform(1, 1).square() * normal(count, 3)
    chosen = chosen - chosen.mean(1, keepdim=True)
    chosen = chosen / chosen.norm(dim=2).amax(1).clamp(min=1e-6)[:, None, None]
    low, high = SCALES
    return chosen * (low + (high - low) * uniform(1, 3)) + SHIFT * (2 * uniform(1, 3) - 1)


def seen_from(clouds: Tensor, direction: Tensor) -> Tensor:
    """(B, P) which points of clouds (B, P, 3) in the unit sphere are seen from far away in a direction (B, 3).

    A point is hidden where another one of the same cell, across the direction, lies more than `THICKNESS` nearer.
    """
    depth = (clouds @ direction[:, :, None]).squeeze(2)
    # Two axes across the direction: the one least along it, made orthogonal.
    least = functional.one_hot(direction.abs().argmin(1), 3).to(clouds.dtype)
    first = functional.normalize(torch.linalg.cross(direction, least), dim=1)
    across = clouds @ torch.stack([first, torch.linalg.cross(direction, first)], 2)
    place = ((across + 1) * (CELLS / 2)).long().clamp(0, CELLS - 1)
    cell = place[..., 0] * CELLS + place[..., 1]
    nearest = torch.full((len(clouds), CELLS * CELLS), -2.0, device=clouds.device)
    nearest = nearest.scatter_reduce(1, cell, depth, "amax")
    return depth >= nearest.gather(1, cell) - THICKNESS


def _beyond(clouds: Tensor, direction: Tensor, share: Tensor) -> Tensor:
    """(B, P) all but the lowest `share` (B, 1) of the points in a direction (B, 3)."""
    heights = (clouds @ direction[:, :, None]).squeeze(2)
    rank = heights.argsort(1).argsort(1)
    return rank >= share * clouds.shape[1]


def _turns(share: Tensor, leans: Tensor, up: int) -> Tensor:
    """(B, 3, 3) turns by a share (B, 1) of a full circle about the up axis, then by leans (B, 2) about the others."""
    first, second = (up + 1) % 3, (up + 2) % 3
    turn = _turn(share[:, 0] * (2 * torch.pi), first, second)
    return turn @ _turn(leans[:, 0], second, up) @ _turn(leans[:, 1], up, first)


def _turn(angle: Tensor, first: int, second: int) -> Tensor:
    """(B, 3, 3) turns in the plane of two axes."""
    turn = torch.eye(3, device=angle.device).repeat(len(angle), 1, 1)
    turn[:, first, first] = turn[:, second, second] = angle.cos()
    turn[:, first, second], turn[:, second, first] = angle.sin(), -angle.sin()
    return turn
