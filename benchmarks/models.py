"""The library's models and the plain ones with the same weights, and the check that both compute the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pointlora import apply_method, create_model, load_checkpoint
from pointlora.errors import PointLoraError
from pointlora.models.registry import get_family
from pointlora.models.sizes import Sizes

from .plain.classifier import PlainClassifier
from .plain.pretraining import PlainAutoencoder

NUM_CLASSES = 15
DROP_PATH = 0.3  # of the published recipe
PRETRAINING_GROUPS = 64
PRETRAINING_POINTS = 1024
TOLERANCE = 1e-4


class DisagreementError(PointLoraError):
    """The library and the plain implementation give different numbers, so their times can't be compared."""


@dataclass
class Pair:
    """The same network twice: ours and plain, with equal weights."""

    ours: Any
    plain: Any
    sizes: Sizes


def weight_of(name: str, value: Tensor) -> Tensor:
    """A weight that depends on its official name and shape alone, of a size that keeps activations near 1."""
    if not value.is_floating_point():
        return torch.zeros_like(value)
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    draw = np.random.default_rng(seed).standard_normal(tuple(value.shape), dtype=np.float32)
    if value.ndim > 1:
        draw = draw / np.float32(np.sqrt(np.prod(value.shape[1:])))
    elif name.endswith(("weight", "running_var")):
        draw = 1 + np.float32(0.1) * np.abs(draw)
    else:
        draw = np.float32(0.1) * draw
    return torch.from_numpy(np.asarray(draw))


def official_weights(plain: nn.Module) -> dict[str, Tensor]:
    """Weights under the official names, for `load_state_dict` of the plain model and for `load_checkpoint` of ours."""
    return {name: weight_of(name, value) for name, value in plain.state_dict().items()}


def plain_sizes(sizes: Sizes) -> dict[str, Any]:
    """Our sizes as arguments of the plain models."""
    return {
        "dim": sizes.embed_dim,
        "depth": sizes.depth,
        "num_heads": sizes.num_heads,
        "num_groups": sizes.num_groups,
        "group_size": sizes.group_size,
        "dims": sizes.tokenizer_dims,
        "drop_path_rate": sizes.drop_path_rate,
    }


def plain_classifier(model: str) -> PlainClassifier:
    """The plain classifier at a registered model's sizes, with seeded weights."""
    sizes = get_family(model).sizes.with_changes({"drop_path_rate": DROP_PATH})
    plain = PlainClassifier(**plain_sizes(sizes), num_classes=NUM_CLASSES)
    plain.load_state_dict(official_weights(plain))
    return plain


def our_classifier(model: str, method: str = "pointlora", num_features: int = 0) -> Any:
    """Our classifier with a tuning method, of points with so many features."""
    sizes = {"num_features": num_features, "drop_path_rate": DROP_PATH}
    return apply_method(create_model(model, num_classes=NUM_CLASSES, **sizes), method)


def classifier_pair(model: str, device: torch.device) -> Pair:
    """Both classifiers on the device, in evaluation mode, with equal weights."""
    plain = plain_classifier(model)
    ours = our_classifier(model)
    load_checkpoint(ours, plain.state_dict())
    return Pair(ours.to(device).eval(), plain.to(device).eval(), ours.sizes)


def autoencoder_pair(model: str, device: torch.device) -> Pair:
    """Both masked autoencoders at the published 64 patches, with equal weights."""
    ours: Any = create_model(model, task="pretraining", num_groups=PRETRAINING_GROUPS)
    plain = PlainAutoencoder(**plain_sizes(ours.sizes))
    plain.load_state_dict(official_weights(plain))
    load_checkpoint(ours, plain.state_dict())
    return Pair(ours.to(device).eval(), plain.to(device).eval(), ours.sizes)


@torch.no_grad()
def classifier_difference(pair: Pair, points: Tensor) -> float:
    """The largest difference of logits and mask loss."""
    output, (logits, mask_loss) = pair.ours(points), pair.plain(points)
    difference = (output.logits - logits).abs().max().item()
    return float(max(difference, abs(output.auxiliary_loss.item() - mask_loss.item())))


def check_classifiers(pair: Pair, points: Tensor) -> float:
    """The largest difference of logits and mask loss.

    Raises:
        DisagreementError: if it is above 1e-4.
    """
    return checked("logits", classifier_difference(pair, points))


@torch.no_grad()
def check_autoencoders(pair: Pair, points: Tensor, mask: Tensor) -> float:
    """The difference of the losses under the same mask.

    Raises:
        DisagreementError: if it is above 1e-4.
    """
    ours, plain = pair.ours(points, mask=mask).loss.item(), pair.plain(points, mask).item()
    return checked("pre-training loss", abs(ours - plain) / max(abs(plain), 1.0))


def checked(what: str, difference: float) -> float:
    """The difference, if it is within the tolerance.

    Raises:
        DisagreementError: if it isn't.
    """
    if not difference <= TOLERANCE:
        raise DisagreementError(
            f"{what} of the library and of the plain implementation differ by {difference:.2g}, "
            f"more than {TOLERANCE:g}: nothing was timed"
        )
    return difference
