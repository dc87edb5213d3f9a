"""The few places where a tuning method may act on a backbone; the base class acts nowhere.

A backbone holds one `Method` and calls it; what the method is, it never asks. Methods also replace a block's linear
layers, which needs no cooperation from the backbone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from torch import Tensor, nn

from pointlora.ops.grouping import Scale


class TokenSet(NamedTuple):
    """One scale of a batch of clouds: (B, G, C) tokens, (B, G, C) position embeddings, (B, G, 3) centers."""

    tokens: Tensor
    positions: Tensor
    centers: Tensor


class TokenSequence(NamedTuple):
    """What the blocks see: [prefix tokens | patches | tokens that a method added].

    Attributes:
        tokens: (B, T, C).
        positions: (B, T, C), added before every block.
        num_prefix: tokens before the patches (the class token and the like).
        num_patches: patch tokens; whatever follows them was added by the method.
        selected: centers (B, K, 3) of the patches that a method selected, a tensor a scale; for pictures.
    """

    tokens: Tensor
    positions: Tensor
    num_prefix: int
    num_patches: int
    selected: tuple[Tensor, ...] = ()


class Method(nn.Module):
    """A tuning method; override what it needs.

    Attributes:
        freezes_statistics: keep the tokenizer's BatchNorm in evaluation mode while the model trains.
    """

    freezes_statistics = False

    @property
    def scales(self) -> Sequence[Scale]:
        """Groupings wanted besides the backbone's own; all are made in one pass."""
        return ()

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> tuple[TokenSequence, Tensor]:
        """Add to the sequence before the first block.

        Args:
            sequence: what the backbone made of its own patches.
            scales: one `TokenSet` for each of `self.scales`.

        Returns:
            the sequence to use, and the method's auxiliary loss (a scalar).
        """
        return sequence, sequence.tokens.new_zeros(())

    def before_block(self, index: int, tokens: Tensor, sequence: TokenSequence) -> Tensor:
        """Change the tokens (B, T, C), positions already added, that go into block `index`."""
        return tokens

    def checkpoint_keys(self, keys: Iterable[str]) -> dict[str, str]:
        """Our names for those keys of a published checkpoint that belong to the method."""
        return {}
