"""What the operators do differently while torch.compile or torch.export traces them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

# How operators appear in what torch.export makes, see `operators_in_exports`. A plain global, which dynamo can guard.
_form: str | None = None
NODES, LOOPS = "nodes", "loops"


def is_traced() -> bool:
    """Whether torch.compile or torch.export traces the call: no loop over blocks, nothing that depends on values."""
    return torch.compiler.is_compiling()


def is_taken_whole() -> bool:
    """Whether torch.compile traces the call, and the operator should appear as one node of its graph.

    Tracing the loop of farthest point sampling would make a thousand nodes, which take minutes to compile and run no
    faster. An exported program must run without this library, so there the loop is traced, unless whoever exports
    wants something else.
    """
    # Without `is_exporting` (torch 2.6) the two can't be told apart, and everything is traced.
    is_exporting = getattr(torch.compiler, "is_exporting", None)
    return is_translated() or (torch.compiler.is_compiling() and is_exporting is not None and not is_exporting())


def is_translated() -> bool:
    """Whether torch.export traces the call for someone who translates the nodes of our operators."""
    return _form == NODES and torch.compiler.is_compiling()


def is_looped() -> bool:
    """Whether torch.export traces the call, and a long loop should be one in its graph."""
    return _form == LOOPS and torch.compiler.is_compiling()


@contextmanager
def operators_in_exports(form: str) -> Iterator[None]:
    """Within, torch.export makes something else of our operators than their steps one by one.

    Args:
        form: `nodes`, one of each operator, for something that knows what it stands for; or `loops`, where there are
            many steps.
    """
    global _form
    before, _form = _form, form
    try:
        yield
    finally:
        _form = before
