"""Figures over all processes of a run; with one process they are returned as they are."""

from __future__ import annotations

import torch
from torch import Tensor, distributed


def several_processes() -> bool:
    """Whether this is one of several processes that are connected."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def mean_over_processes(value: float, device: torch.device) -> float:
    """Mean of a number, the same in every process; `device` is one that the connection works with."""
    if not several_processes():
        return value
    total = torch.tensor(value, dtype=torch.float64, device=device)
    distributed.all_reduce(total)
    return float(total) / distributed.get_world_size()


def gather_samples(index: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
    """What every process found for its samples, each sample once, in the order of their indices.

    Args:
        index: (m,) int64, the samples of this process, equally many in each; some may occur more than once.
        values: (m,) int64 or float64 each.

    Returns:
        the values, (n,) each, on the CPU.
    """
    rows = torch.stack([index, *(value.view(torch.int64) for value in values)])
    if several_processes():
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows)
        rows = torch.cat(parts, dim=1)
    rows = rows.cpu()
    order = rows[0].argsort(stable=True)
    rows = rows[:, order]
    new = torch.ones(rows.shape[1], dtype=torch.bool)
    new[1:] = rows[0, 1:] != rows[0, :-1]
    return tuple(row[new].view(value.dtype) for row, value in zip(rows[1:], values, strict=True))
