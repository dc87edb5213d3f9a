"""What the operators do differently while torch.compile or torch.export traces them."""

from __future__ import annotations

import torch


def is_traced() -> bool:
    """Whether torch.compile or torch.export traces the call: no loop over blocks, nothing that depends on values."""
    return torch.compiler.is_compiling()


def is_taken_whole() -> bool:
    """Whether torch.compile traces the call, and the operator should appear as one node of its graph.

    Tracing the loop of farthest point sampling would make a thousand nodes, which take minutes to compile and run no
    faster. An exported program must run without this library, so there the loop is traced.
    """
    # Without `is_exporting` (torch 2.6) the two can't be told apart, and everything is traced.
    is_exporting = getattr(torch.compiler, "is_exporting", None)
    return torch.compiler.is_compiling() and is_exporting is not None and not is_exporting()
