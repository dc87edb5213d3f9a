"""How much memory this process has needed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import torch

_MIB = 2**20


def peak_memory(earlier: Mapping[str, float | None] | None = None) -> dict[str, float | None]:
    """Highest memory of this process so far, in MiB.

    Args:
        earlier: what this returned in the processes before an interruption, if it was higher.

    Returns:
        `peak_memory_mib`, resident in main memory (None where the system doesn't say), and where CUDA was used
        `peak_device_memory_mib`, allocated on the current device.
    """
    resident = _peak_resident()
    found = {"peak_memory_mib": None if resident is None else round(resident / _MIB, 1)}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        found["peak_device_memory_mib"] = round(torch.cuda.max_memory_allocated() / _MIB, 1)
    for name, before in (earlier or {}).items():
        known = [value for value in (before, found.get(name)) if value is not None]
        found[name] = max(known, default=None)
    return found


def _peak_resident() -> int | None:
    """Bytes. Linux's getrusage also counts the program that started this one, /proc doesn't."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
