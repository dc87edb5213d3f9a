"""Errors of single measurements as text: a run reports them and goes on."""

from __future__ import annotations

import traceback

import torch

from pointlora.errors import PointLoraError

MOST_CHARACTERS = 160


def short_text(error: BaseException) -> str:
    """One line: `out of memory`, or the kind of error and the first line of its message; of ours the message alone."""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return "out of memory"
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    kind = "" if isinstance(error, PointLoraError) and first else type(error).__name__
    return ": ".join(filter(None, (kind, first)))[:MOST_CHARACTERS]


def full_text(error: BaseException) -> str:
    """The error with its traceback."""
    return "".join(traceback.format_exception(error))
