"""Clouds that tests share."""

from __future__ import annotations

import torch
from torch import Tensor


def random_clouds(batch: int, num_points: int, seed: int = 0) -> Tensor:
    """(B, N, 3) clouds of normally distributed points, each a function of the seed."""
    return torch.randn(batch, num_points, 3, generator=torch.Generator().manual_seed(seed))


def lattice_clouds(batch: int, side: int) -> Tensor:
    """(B, side³, 3) grids, where nearly every distance occurs many times: a test of ties."""
    axis = torch.arange(side, dtype=torch.float32)
    grid = torch.cartesian_prod(axis, axis, axis)
    return grid.expand(batch, -1, -1).contiguous()
