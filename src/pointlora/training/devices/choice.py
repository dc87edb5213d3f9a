"""The device of a run."""

from __future__ import annotations

import sys

import torch

from pointlora.checks import check_choice
from pointlora.errors import ConfigError
from pointlora.processor import multiplies_bfloat16


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


def computes_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself; elsewhere torch emulates it, much slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.backends.mkldnn.is_available() and multiplies_bfloat16()


def native_precision(device: torch.device) -> str:
    """What `auto` stands for on a device: bf16 where it computes in it, otherwise 32."""
    return "bf16" if computes_bfloat16(device) else "32"


def device_kind(device: torch.device) -> str:
    """What people call it."""
    return "GPU" if device.type == "cuda" else "processor"


def warn_of_emulation(precision: str, device: torch.device) -> None:
    """Say in a line on stderr that `bf16` is slow on this device, if it is."""
    if precision == "bf16" and not computes_bfloat16(device):
        text = f"precision bf16: this {device_kind(device)} emulates it, so 32 is several times faster"
        print(text, file=sys.stderr, flush=True)


def computing_in(precision: str, device: torch.device) -> torch.autocast:
    """A context in which a model computes in float32 (`32`), or where it pays in bfloat16 (`bf16`), as in training.

    Where bfloat16 is emulated, a line on stderr says so.
    """
    warn_of_emulation(precision, device)
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")
