"""The few places where a tuning method may act on a backbone; the base class acts nowhere.

A backbone holds one `Method` and calls it; what the method is, it never asks. Inside a block a method acts by branches
beside its layers, which need no cooperation from the backbone (`pointlora.methods.branches`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pointlora.errors import ShapeError
from pointlora.ops.grouping import Scale

# A `pointlora.models.backbone.Backbone`, which stands on this file.
Model = Any
# Names of what a method adds: its own parts, and its branches beside the backbone's layers.
ADDED_PARTS = (r"method\.", r".*\.branches\.")


class TokenSet(NamedTuple):
    """One scale of a batch of clouds: (B, G, C) tokens, (B, G, C) position embeddings, (B, G, 3) centers."""

    tokens: Tensor
    positions: Tensor
    centers: Tensor


class TokenSequence(NamedTuple):
    """The tokens on their way through the blocks: [prefix | prompts | patches | others].

    Attributes:
        tokens: (B, T, C).
        positions: (B, T, C), or (B, 1, C) or smaller where it is the same for all; added before every block.
        num_prefix: tokens before the patches that the backbone brings (the class token and the like).
        num_patches: patch tokens; whatever follows them was added by the method.
        selected: centers (B, K, 3) of the patches that a method selected, one tensor per scale; for pictures.
        num_prompts: tokens that the method put between prefix and patches.
        centers: (B, G, 3) of the patches.
        auxiliary_loss: the method's own loss so far, a scalar, not weighted.
        memory: whatever the method hands on to its later calls.
        neighbors: (B, G, K) of the patches nearest to each patch, in families whose blocks look at them.
    """

    tokens: Tensor
    positions: Tensor
    num_prefix: int
    num_patches: int
    selected: tuple[Tensor, ...] = ()
    num_prompts: int = 0
    centers: Tensor = torch.empty(0)
    auxiliary_loss: Tensor = torch.zeros(())
    memory: Any = None
    neighbors: Tensor = torch.empty(0)

    @property
    def prefix(self) -> Tensor:
        """Tokens (B, P, C) before prompts and patches."""
        return self.tokens[:, : self.num_prefix]

    @property
    def prompts(self) -> Tensor:
        """Tokens (B, P, C) between prefix and patches."""
        return self.tokens[:, self.num_prefix : self.first_patch]

    @property
    def patches(self) -> Tensor:
        """Tokens (B, G, C) of the patches."""
        return self.tokens[:, self.first_patch : self.first_patch + self.num_patches]

    @property
    def others(self) -> Tensor:
        """Tokens (B, K, C) behind the patches."""
        return self.tokens[:, self.first_patch + self.num_patches :]

    @property
    def first_patch(self) -> int:
        """Index of the first patch."""
        return self.num_prefix + self.num_prompts

    def with_prompts(self, tokens: Tensor, positions: Tensor | None = None) -> TokenSequence:
        """The sequence with more prompts (B, P, C) right behind the prefix, before older ones, in its own types.

        Args:
            tokens: of the prompts.
            positions: theirs, (B, P, C), which are added before every block from now on; None where those of the
                sequence are the same for all tokens.

        Raises:
            ShapeError: for tokens or positions of another shape, or positions that are missing or too many.
        """
        self._check_more(tokens, positions)
        own, types = self.positions, (self.tokens.dtype, self.positions.dtype)
        if positions is not None:
            own = _insert(own, self.num_prefix, positions.to(types[1]))
        count = self.num_prompts + tokens.shape[1]
        return self._replace(
            tokens=_insert(self.tokens, self.num_prefix, tokens.to(types[0])), positions=own, num_prompts=count
        )

    def with_others(self, tokens: Sequence[Tensor], positions: Sequence[Tensor]) -> TokenSequence:
        """The sequence with more tokens at its end, given as one or more (B, K, C) with as many positions.

        Raises:
            ShapeError: for tokens or positions of another shape, or positions of a sequence that has none of its own.
        """
        if isinstance(tokens, Tensor) or isinstance(positions, Tensor) or len(tokens) != len(positions):
            raise ShapeError("with_others needs two lists of tensors (B, K, C) of the same length: tokens, positions")
        for each, place in zip(tokens, positions, strict=True):
            self._check_more(each, place)
        return self._replace(
            tokens=torch.cat([self.tokens, *tokens], 1), positions=torch.cat([self.positions, *positions], 1)
        )

    def _check_more(self, tokens: Tensor, positions: Tensor | None) -> None:
        """Require tokens (B, K, C), and as many positions if each token of the sequence has one of its own."""
        batch, count, width = self.tokens.shape
        if tokens.ndim != 3 or tokens.shape[0] != batch or tokens.shape[2] != width:
            raise ShapeError(
                f"tokens to add have shape {tuple(tokens.shape)}, but it must be (B, K, C) with B = {batch} and C = "
                f"{width}: a parameter (K, C) needs .expand(B, -1, -1)"
            )
        own = self.positions.ndim == 3 and self.positions.shape[1] == count
        if positions is None and own and count > 1:
            raise ShapeError(
                "tokens were added without positions, but each token of the sequence has one: give positions "
                f"{tuple(tokens.shape)}, such as torch.zeros_like(tokens)"
            )
        if positions is not None and (not own or positions.shape != tokens.shape):
            raise ShapeError(
                f"positions to add have shape {tuple(positions.shape)}, but it must be {tuple(tokens.shape)}, that of "
                "their tokens"
                if own
                else "positions were given, but those of the sequence are the same for all tokens: leave them out"
            )


def _insert(tokens: Tensor, place: int, more: Tensor) -> Tensor:
    return torch.cat([tokens[:, :place], more, tokens[:, place:]], 1)


class ParameterGroup(NamedTuple):
    """Parameters that are trained, and by which factor their learning rate differs from the run's."""

    parameters: Iterable[nn.Parameter]
    lr_factor: float = 1.0


class Method(nn.Module):
    """A tuning method; override what it needs.

    It is made for one model (`Method(config, model)`), then told to `attach`. Its own parameters, and those of its
    branches, are trained where they are made with `requires_grad`, and belong to its adapter in any case.

    Args:
        config: its settings, a frozen dataclass.
        model: the backbone that it will be put into (of type Any here, as backbones know this class).

    Attributes:
        loss_weight: weight of `TokenSequence.auxiliary_loss` in the training loss.
        trains: whether there is anything to train once the head is fitted.
        freezes_statistics: keep the tokenizer's BatchNorm in evaluation mode while the model trains; by default where
            the settings have `tokenizer_batchnorm: frozen`.
    """

    loss_weight = 0.0
    trains = True

    def __init__(self, config: Any = None, model: Model = None) -> None:
        super().__init__()
        self.config = config
        self.freezes_statistics = getattr(config, "tokenizer_batchnorm", "batch") == "frozen"

    def attach(self, model: Model) -> None:
        """Put branches into the model, and another head if `pool` returns other features."""

    def parameter_groups(self, model: Model) -> list[ParameterGroup]:
        """What is trained; everything else is frozen. By default what every task makes anew (the head, the class
        token), and what the method added.
        """
        return [ParameterGroup(model.task_parameters()), ParameterGroup(model.added_parameters())]

    @property
    def scales(self) -> Sequence[Scale]:
        """Groupings wanted besides the backbone's own; all are made in one pass."""
        return ()

    @property
    def changes_sequence(self) -> bool:
        """Whether tokens are added or changed beside what branches do: then no further scales can be read."""
        own = type(self)
        return any(
            getattr(own, name) is not getattr(Method, name) for name in ("extend", "before_block", "after_block")
        )

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> TokenSequence:
        """Change the sequence before the first block; positions aren't added yet.

        Args:
            sequence: what the backbone made of its own patches.
            scales: one `TokenSet` for each of `self.scales`.
        """
        return sequence

    def before_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        """Change what goes into block `index`; positions have been added to the tokens."""
        return sequence

    def after_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        """Change what came out of block `index`."""
        return sequence

    def pool(self, features: Sequence[Tensor], sequence: TokenSequence) -> Sequence[Tensor]:
        """What the head reads, side by side; where its width isn't that of `features`, `attach` makes another head.

        Args:
            features: the backbone's own, (B, ·) each. Classification: what stands before the patches (the class
                token), maximum over the patches and what follows them. Part segmentation: the parts of the cloud's
                summary.
            sequence: as it left the last block that is read, normalised.
        """
        return features

    def checkpoint_keys(self, keys: Iterable[str]) -> dict[str, str | None]:
        """Our names for those keys of a published checkpoint that belong to the method; None for one not used."""
        return {}

    def adapter_fields(self, model: Model) -> dict[str, Any]:
        """More fields of `adapter_config.json`, for other programs that read the adapter."""
        return {}


def rename_keys(keys: Iterable[str], rules: Sequence[tuple[str, str | None]]) -> dict[str, str | None]:
    """Those of the keys that a (pattern, replacement) rule matches from their beginning, with their new names."""
    found: dict[str, str | None] = {}
    for key in keys:
        for pattern, replacement in rules:
            match = re.match(pattern, key)
            if match:
                found[key] = None if replacement is None else match.expand(replacement)
                break
    return found
