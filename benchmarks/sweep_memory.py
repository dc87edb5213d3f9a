"""Memory of a call on either kind of device, and giving it back."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import torch

from .cases.memory import allocated_by

CROWDED = 0.5  # share of a GPU's memory


def allocated(device: torch.device) -> int:
    """Bytes that torch has allocated on a GPU; 0 on a CPU."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0


def highest_memory(call: Callable[[], Any], device: torch.device, foreign: int) -> float:
    """The highest memory during a call, in bytes.

    Args:
        call: that has been called before, so that an optimiser has its state.
        device: on which it computes.
        foreign: bytes allocated on a GPU that have nothing to do with the call.

    Returns:
        on a GPU all that was allocated but `foreign`; on a CPU the highest sum of tensors that the call made.
    """
    if device.type != "cuda":
        return allocated_by(call)
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    call()
    torch.cuda.synchronize(device)
    return float(torch.cuda.max_memory_allocated(device) - foreign)


def release(device: torch.device) -> None:
    """Give back what nothing refers to any more, on a GPU to the driver too."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def is_crowded(device: torch.device) -> bool:
    """Whether torch holds so much of a GPU's memory that it may have to give some back when variants change."""
    if device.type != "cuda":
        return False
    return torch.cuda.memory_reserved(device) > CROWDED * torch.cuda.get_device_properties(device).total_memory
