"""What kind of processor this is, where the system tells it. Needs no torch."""

from __future__ import annotations

import os
import platform
from functools import cache
from itertools import takewhile


@cache
def first_processor() -> str:
    """What Linux says of the first processor, its maker and its abilities; elsewhere what Python knows."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return "".join(takewhile(str.strip, file))  # on a large server the whole file takes a while
    except OSError:
        return platform.processor()


def processor_name() -> str:
    """Its own name where the system tells it, and the number of cores."""
    named = (line for line in first_processor().splitlines() if line.startswith("model name"))
    name = next(named, "").partition(":")[2].strip() or platform.processor() or platform.machine()
    return f"{name} ({os.cpu_count()} cores)"


def is_intel() -> bool:
    """Whether Intel made it."""
    return "GenuineIntel" in first_processor()


def has_matrix_units() -> bool:
    """Whether it multiplies bfloat16 matrices in units of their own (AMX)."""
    return "amx_bf16" in first_processor()
