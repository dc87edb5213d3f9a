"""What a method's overrides return on the way of a batch through the network: looks at types and sizes alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pointlora.errors import ConfigError, ShapeError
from pointlora.models.method import Method, TokenSequence


def checked_sequence(method: Method, override: str, sequence: Any) -> TokenSequence:
    """The sequence that an override returned, whose tokens, counts and positions must fit each other.

    Raises:
        ConfigError: for anything but a sequence.
        ShapeError: for one that doesn't fit.
    """
    if not isinstance(sequence, TokenSequence):
        raise ConfigError(f"{_named(method, override)} {type(sequence).__name__}, but it must return a TokenSequence")
    tokens, positions, loss = sequence.tokens, sequence.positions, sequence.auxiliary_loss
    least = sequence.first_patch + sequence.num_patches
    if tokens.ndim != 3 or tokens.shape[1] < least:
        raise ShapeError(
            f"{_named(method, override)} tokens of shape {tuple(tokens.shape)}, but it must be (B, T, C) with T at "
            f"least {least}: {sequence.num_prefix} of the prefix, {sequence.num_prompts} prompts and "
            f"{sequence.num_patches} patches"
        )
    if positions.ndim == 3 and positions.shape[1] not in (1, tokens.shape[1]):
        raise ShapeError(
            f"{_named(method, override)} {tokens.shape[1]} tokens and {positions.shape[1]} positions, but each token "
            "must have one: add tokens by with_prompts or with_others"
        )
    if not isinstance(loss, Tensor) or loss.ndim:
        raise ShapeError(f"{_named(method, override)} the auxiliary_loss {_kind(loss)}, but it must be a scalar tensor")
    return sequence


def checked_features(method: Method, features: Any, width: int | None) -> Tensor:
    """What `pool` returned, side by side, (B, width).

    Raises:
        ConfigError: for anything but a list of tensors.
        ShapeError: of a method, for another width than the head's.
    """
    listed = isinstance(features, (list, tuple))
    if not listed or not features or not all(isinstance(each, Tensor) and each.ndim == 2 for each in features):
        kinds = ", ".join(map(_kind, features)) if listed else type(features).__name__
        raise ConfigError(f"{_named(method, 'pool')} {kinds or 'nothing'}, but it must return tensors of shape (B, ·)")
    joined = torch.cat([*features], -1)
    if type(method) is not Method and width is not None and joined.shape[-1] != width:
        raise ShapeError(
            f"{_named(method, 'pool')} {joined.shape[-1]} features, but the head reads {width}: call "
            "model.make_head(more=...) in attach"
        )
    return joined


def _named(method: Method, override: str) -> str:
    return f"{type(method).__name__}.{override}: it returned"


def _kind(value: Any) -> str:
    return f"a tensor of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
