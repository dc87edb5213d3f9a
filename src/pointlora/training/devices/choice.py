"""The device of a run."""

from __future__ import annotations

import torch

from pointlora.errors import ConfigError


def check_device(accelerator: str, devices: int = 1) -> None:
    """CUDA must be there when it is asked for, and a GPU for each process.

    Raises:
        ConfigError: if not.
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise ConfigError("training.accelerator is 'cuda', but torch finds no CUDA device: use cpu or auto")
    if accelerator != "cpu" and torch.cuda.is_available() and devices > torch.cuda.device_count():
        raise ConfigError(f"training.devices is {devices}, but torch finds {torch.cuda.device_count()} GPU")


def evaluation_device(accelerator: str) -> torch.device:
    """The device that `accelerator` stands for."""
    check_device(accelerator)
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def computing_in(precision: str, device: torch.device) -> torch.autocast:
    """A context in which a model computes in float32 (`32`), or where it pays in bfloat16 (`bf16`), as in training."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
