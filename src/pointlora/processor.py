"""What kind of processor this is, where the system tells it, and what oneDNN may use of it. Needs no torch."""

from __future__ import annotations

import os
import platform
from functools import cache
from itertools import takewhile

# What `ONEDNN_MAX_CPU_ISA` may name: sets of instructions without bfloat16 products, and those with them but no AMX.
_WITHOUT_BFLOAT16 = {"sse41", "avx", "avx2", "avx2_vnni", "avx2_vnni_2", "avx512_core", "avx512_core_vnni"}
_WITHOUT_MATRIX_UNITS = _WITHOUT_BFLOAT16 | {"avx512_core_bf16", "avx512_core_fp16", "avx10_1_512", "avx10_2_512"}


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
    """Whether it multiplies bfloat16 matrices in units of their own (AMX), and oneDNN may use them."""
    return "amx_bf16" in first_processor() and _limit() not in _WITHOUT_MATRIX_UNITS


def multiplies_bfloat16() -> bool:
    """Whether it has instructions for products of bfloat16, and oneDNN may use them; elsewhere they are emulated.

    Known of x86 under Linux; of any other processor it isn't claimed.
    """
    known = first_processor()
    return ("avx512_bf16" in known or "amx_bf16" in known) and _limit() not in _WITHOUT_BFLOAT16


def _limit() -> str:
    """The set of instructions beyond which the user doesn't let oneDNN go; one that it doesn't know is no limit."""
    variables = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
    return next((os.environ[name].lower() for name in variables if os.environ.get(name)), "")
