"""Telling the C library's allocator to keep large blocks instead of giving them back to the system."""

from __future__ import annotations

import ctypes
import sys

# glibc's numbers of these settings (malloc.h).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGE = (1 << 31) - 1


def keep_large_blocks() -> bool:
    """Reuse freed memory of any size, on Linux with glibc; elsewhere nothing happens.

    By default each tensor above 32 MB is mapped anew, and the system clears its pages one by one: a quarter of the time
    of a training step on a CPU. The process then keeps the most memory that it has needed.

    Returns:
        whether the settings were taken.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE)) and bool(mallopt(_TRIM_THRESHOLD, _LARGE))
