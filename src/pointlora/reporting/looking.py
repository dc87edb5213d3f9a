"""A classifier's forward pass with all that a page shows of it: probabilities, features, centers, attention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pointlora.errors import ConfigError
from pointlora.layers.attention import Attention
from pointlora.models.classifier import PointClassifier
from pointlora.models.method import TokenSequence
from pointlora.randomness import isolated_randomness

# Parameters from which on a network is looked at less often, so that a report stays a matter of seconds on a CPU.
_LARGE = 10_000_000


@dataclass(frozen=True)
class Looks:
    """What a classifier did with n clouds.

    Attributes:
        probabilities: (n, C) float64.
        features: (n, D) float32, what the head reads; None for a model that isn't a `PointClassifier`.
        centers: (n, G, 3) float32 of the patches; None where unknown.
        attention: (n, G) float32, the share of its attention that the class token gives each patch in the last block,
            mean over the heads; None for a model without a class token that sees the patches.
        selected: (n, K, 3) float32 centers of the patches that the method selected, an array a scale.
    """

    probabilities: NDArray[np.float64]
    features: NDArray[np.float32] | None
    centers: NDArray[np.float32] | None
    attention: NDArray[np.float32] | None
    selected: tuple[NDArray[np.float32], ...]


@torch.no_grad()
def look(model: nn.Module, batches: Iterable[Tensor]) -> Looks | None:
    """Put batches of prepared clouds (B, N, 3 + F) through a classifier, on the device that it is on.

    The probabilities are those of calling the model. None where there is no batch.

    Raises:
        ConfigError: if they are no numbers.
    """
    model.eval()
    device = next(model.parameters()).device
    parts: dict[str, list[Tensor]] = {}
    selected: list[tuple[Tensor, ...]] = []
    with isolated_randomness("report", 0), _watched_attention(model) as seen:
        for points in batches:
            points = points.to(device)
            if isinstance(model, PointClassifier):
                sequences = model.encode(points, model.levels)
                features = model.read(points, sequences)
                logits, sequence = model.head(features), sequences[-1]
                found = {"features": features.float(), "centers": sequence.centers.float()}
                found |= (
                    {"attention": weights} if (weights := _class_attention(model, sequence, seen)) is not None else {}
                )
                selected.append(tuple(centers.float().cpu() for centers in sequence.selected))
            else:
                logits, found = model(points).logits, {}
            found["probabilities"] = logits.float().double().softmax(-1)
            for name, value in found.items():
                parts.setdefault(name, []).append(value.cpu())
    if not parts:
        return None
    joined: dict[str, Any] = {name: torch.cat(values).numpy() for name, values in parts.items()}
    check_finite(joined["probabilities"])
    scales = tuple(torch.cat(scale).numpy() for scale in zip(*selected, strict=True))
    return Looks(
        joined["probabilities"], joined.get("features"), joined.get("centers"), joined.get("attention"), scales
    )


def check_finite(values: NDArray[np.floating]) -> None:
    """Require numbers.

    Raises:
        ConfigError: for NaN and infinity, which a network gives whose training has diverged.
    """
    if not np.isfinite(values).all():
        raise ConfigError("the network's answers are no numbers: its training has diverged, lower optimizer.lr")


def is_large(model: nn.Module) -> bool:
    """Whether a forward pass takes tenths of a second on a CPU."""
    return sum(parameter.numel() for parameter in model.parameters()) > _LARGE


@contextmanager
def _watched_attention(model: nn.Module) -> Iterator[list[Tensor]]:
    """A list that holds the last tokens that went into the last block's attention; empty where that isn't known."""
    seen: list[Tensor] = []
    attention = _last_attention(model)
    if attention is None:
        yield seen
        return

    def keep(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen[:] = [inputs[0]]

    handle = attention.register_forward_pre_hook(keep)
    try:
        yield seen
    finally:
        handle.remove()


def _last_attention(model: nn.Module) -> Attention | None:
    """The attention of the last block where a class token sees the patches in it."""
    if not isinstance(model, PointClassifier) or model.causal:
        return None
    found = getattr(model.blocks[-1], "attn", None)
    if not isinstance(found, Attention) or type(found).forward is not Attention.forward or found.causal:
        return None
    return found


def _class_attention(model: PointClassifier, sequence: TokenSequence, seen: list[Tensor]) -> Tensor | None:
    """Shares (B, G) of the attention of the last token before the patches; None where there is none."""
    attention = _last_attention(model)
    if attention is None or not seen or not sequence.num_prefix or seen[0].shape[1] != sequence.tokens.shape[1]:
        return None
    batch, length, width = seen[0].shape
    packed = attention.project(seen[0]).view(batch, length, 3, attention.num_heads, width // attention.num_heads)
    queries, keys = packed[:, sequence.num_prefix - 1, 0], packed[:, :, 1]
    products = torch.einsum("bhd,bthd->bht", queries, keys).float() * (width // attention.num_heads) ** -0.5
    first = sequence.first_patch
    return products.softmax(-1).mean(1)[:, first : first + sequence.num_patches]
