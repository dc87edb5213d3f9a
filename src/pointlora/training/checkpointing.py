"""Gradient checkpointing: blocks keep their inputs only, and compute the rest again in the backward.

That saves most of the memory of a step for a third more time (Chen et al., "Training deep nets with sublinear memory
cost", 2016). Results don't change: dropout draws the same numbers the second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from pointlora.models.transformer import Block


@contextmanager
def checkpointed_blocks(model: nn.Module, wanted: bool) -> Iterator[int]:
    """Within, every transformer block of the model is checkpointed in training, if that is wanted.

    Yields:
        how many blocks.
    """
    blocks = [module for module in model.modules() if isinstance(module, Block)] if wanted else []
    for block in blocks:
        block.forward = _checkpointed(block, block.forward)  # type: ignore[method-assign]
    try:
        yield len(blocks)
    finally:
        for block in blocks:
            del block.forward


def _checkpointed(block: Block, inner: Callable[..., Any]) -> Callable[..., Any]:
    def forward(*arguments: Any) -> Any:
        if not block.training:
            return inner(*arguments)
        return checkpoint(inner, *arguments, use_reentrant=False)

    return forward
