"""What the operators do differently while torch.compile or torch.export traces them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# A plain global, which torch.compile can guard; 0 stands for no.
_whole_in_exports = 0


def is_traced() -> bool:
    """Whether torch.compile or torch.export traces the call: no loop over blocks, nothing that depends on values."""
    return torch.compiler.is_compiling()


def is_taken_whole() -> bool:
    """Whether torch.compile traces the call, and the operator should appear as one node of its graph.

    Tracing the loop of farthest point sampling would make a thousand nodes, which take minutes to compile and run no
    faster. An exported program must run without this library, so there the loop is traced, unless whoever exports
    translates the node: see `whole_in_exports`.
    """
    if _whole_in_exports:
        return torch.compiler.is_compiling()
    # Without `is_exporting` (torch 2.6) the two can't be told apart, and everything is traced.
    is_exporting = getattr(torch.compiler, "is_exporting", None)
    return torch.compiler.is_compiling() and is_exporting is not None and not is_exporting()


def is_translated() -> bool:
    """Whether torch.export traces the call for someone who translates the nodes of our operators."""
    return _whole_in_exports > 0 and torch.compiler.is_compiling()


@contextmanager
def whole_in_exports() -> Iterator[None]:
    """Within, torch.export too makes one node of each operator, for something that knows what it stands for."""
    global _whole_in_exports
    _whole_in_exports += 1
    try:
        yield
    finally:
        _whole_in_exports -= 1
