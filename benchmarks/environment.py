"""What a run's figures depend on besides the machine: versions, how float32 is computed, which kernels are used."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import torch

from pointlora.ops import triton_dispatch

from .failures import short_text
from .precision import tf32_state


def environment(device: torch.device) -> dict[str, Any]:
    """Versions; on a GPU also whether TF32 is on and whether the library's Triton kernels are used."""
    found: dict[str, Any] = {"torch": str(torch.__version__)}
    if device.type == "cuda":
        found |= {"cuda": torch.version.cuda, "triton": _version("triton")}
        found |= {"tf32": tf32_state(), "triton_kernels": _triton_kernels(device)}
    return found


def describe(device: torch.device) -> str:
    """The same as a line."""
    found = environment(device)
    line = f"torch {found['torch']}"
    if device.type != "cuda":
        return line
    tf32 = ", ".join(f"{_switch(state)} in {name}" for name, state in found["tf32"].items())
    kernels = {True: "used", False: "not used"}.get(found["triton_kernels"], found["triton_kernels"])
    return f"{line}, CUDA {found['cuda']}, Triton {found['triton']}; TF32 {tf32}; Triton kernels {kernels}"


def _switch(state: bool | str) -> str:
    return state if isinstance(state, str) else "on" if state else "off"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _triton_kernels(device: torch.device) -> bool | str:
    try:
        return triton_dispatch.usable(torch.zeros(1, 1024, 3, device=device))
    except Exception as error:
        return short_text(error)
