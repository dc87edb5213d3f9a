"""Gradient checkpointing: what a step doesn't keep, it computes again in the backward.

Either whole blocks keep their inputs only, which saves most of the memory of a step for a third more time (Chen et al.,
"Training deep nets with sublinear memory cost", 2016), or the frozen parts keep only what they can't make again
cheaply. Results don't change: dropout draws the same numbers the second time, and running statistics move once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from pointlora.layers.attention import Attention
from pointlora.layers.mlp import Mlp
from pointlora.layers.norm import Norm
from pointlora.models.tokenizer import Tokenizer
from pointlora.models.transformer import Block


@contextmanager
def checkpointed(model: nn.Module, wanted: bool | str) -> Iterator[int]:
    """Within, parts of the model compute again in the backward what they would keep.

    Args:
        model: in training; in evaluation nothing changes.
        wanted: true for whole transformer blocks; `frozen` for the blocks' MLPs, norms and attention weights and the
            tokenizer's second stage, each only where its own weights aren't trained; false for nothing.

    Yields:
        how many blocks or parts.
    """
    inside = frozen_parts(model) if wanted == "frozen" else whole_blocks(model) if wanted else nullcontext(0)
    with inside as count:
        yield count


@contextmanager
def whole_blocks(model: nn.Module) -> Iterator[int]:
    """Within, every transformer block keeps its inputs only; yields how many there are."""
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    for block in blocks:
        block.forward = _checkpointed(block, block.forward)  # type: ignore[method-assign]
    try:
        yield len(blocks)
    finally:
        for block in blocks:
            del block.forward


@contextmanager
def frozen_parts(model: nn.Module) -> Iterator[int]:
    """Within, frozen parts keep only what they can't make again cheaply; yields how many parts can do so."""
    parts = [module for module in model.modules() if isinstance(module, (Tokenizer, Attention, Mlp, Norm))]
    for part in parts:
        part.recomputes = True
    try:
        yield len(parts)
    finally:
        for part in parts:
            del part.recomputes


def _checkpointed(block: Block, inner: Callable[..., Any]) -> Callable[..., Any]:
    def forward(*arguments: Any) -> Any:
        if not block.training:
            return inner(*arguments)
        return checkpoint(inner, *arguments, use_reentrant=False)

    return forward
