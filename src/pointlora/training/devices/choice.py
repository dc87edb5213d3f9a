"""The device of a run."""

from __future__ import annotations

import torch

from pointlora.checks import check_choice
from pointlora.errors import ConfigError


def check_device(accelerator: str, devices: int = 1, key: str = "training.accelerator") -> None:
    """CUDA must be there when it is asked for, and a GPU for each process.

    Raises:
        ConfigError: if not.
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"{key} is 'cuda', but torch finds no CUDA device: use cpu or auto")
    if accelerator != "cpu" and torch.cuda.is_available() and devices > torch.cuda.device_count():
        raise ConfigError(f"training.devices is {devices}, but torch finds {torch.cuda.device_count()} GPU")


def evaluation_device(accelerator: str, key: str = "training.accelerator") -> torch.device:
    """The device that `accelerator` stands for; `key` is the name of that setting, for messages.

    Raises:
        ConfigError: for another name than auto, cpu and cuda, or CUDA where there is none.
    """
    check_choice(key, accelerator, ("auto", "cpu", "cuda"))
    check_device(accelerator, key=key)
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")


def computing_in(precision: str, device: torch.device) -> torch.autocast:
    """A context in which a model computes in float32 (`32`), or where it pays in bfloat16 (`bf16`), as in training."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
