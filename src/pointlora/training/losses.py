"""The loss of a class or a part: cross-entropy, weighted by class and focused on what is hard where that is wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pointlora.errors import ConfigError
from pointlora.recipes.runs import TrainingConfig


class ClassLoss(nn.Module):
    """Cross-entropy of logits (M, C) and labels (M,), a mean over the samples, by the weights of their classes.

    Divided by the weights of the batch itself, a batch without a rare class would count frequent ones in full, and the
    parts of a batch on several devices would count differently; divided by a constant, steps and parts add up.

    Args:
        label_smoothing: in [0, 1).
        weights: (C,) of the classes; None weighs all alike.
        mean_weight: of the samples of all batches; None for that of each batch.
        focal_gamma: each sample counts (1 - p)^gamma times, p the probability of its class (Lin et al., "Focal loss for
            dense object detection", ICCV 2017); 0 is plain cross-entropy.
    """

    weights: Tensor | None

    def __init__(
        self,
        label_smoothing: float = 0.0,
        weights: NDArray[np.float64] | None = None,
        focal_gamma: float = 0.0,
        mean_weight: float | None = None,
    ) -> None:
        super().__init__()
        self.label_smoothing, self.focal_gamma, self.mean_weight = label_smoothing, focal_gamma, mean_weight
        kept = None if weights is None else torch.from_numpy(weights).float()
        self.register_buffer("weights", kept, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        smoothing, weights = self.label_smoothing, self.weights
        if weights is None and not self.focal_gamma:
            return functional.cross_entropy(logits, labels, label_smoothing=smoothing)
        each = functional.cross_entropy(logits, labels, weight=weights, label_smoothing=smoothing, reduction="none")
        if self.focal_gamma:
            probability = logits.softmax(-1).gather(1, labels[:, None])[:, 0]
            each = (1 - probability) ** self.focal_gamma * each
        if weights is None or self.mean_weight is not None:
            return each.mean() / (self.mean_weight or 1.0)
        return each.sum() / weights[labels].sum()


def class_weights(setting: str | Sequence[float], counts: NDArray[np.int64]) -> NDArray[np.float64] | None:
    """Weights (C,) of classes that occur `counts` times, whose mean over the samples is 1; None for equal ones.

    Args:
        setting: `none`; `balanced`, in inverse proportion to the counts; `sqrt`, to their roots; or the weights.
        counts: (C,); a class that doesn't occur has the weight of one that occurs once.

    Raises:
        ConfigError: for another number of weights than classes.
    """
    if setting == "none":
        return None
    if not isinstance(setting, str):
        if len(setting) != len(counts):
            have = f"but the data has {len(counts)} classes"
            raise ConfigError(f"training.class_weights has {len(setting)} numbers, {have}")
        return np.array(setting, dtype=np.float64)
    occurring = np.maximum(counts, 1).astype(np.float64)
    weights = occurring ** (-1.0 if setting == "balanced" else -0.5)
    return np.asarray(weights * occurring.sum() / (weights * occurring).sum())


def evenly(labels: NDArray[np.int64]) -> Tensor:
    """(n,) factors that turn a mean over samples into the mean over the classes that occur of the means over theirs."""
    weights = class_weights("balanced", np.bincount(labels))
    assert weights is not None
    each = weights[labels]
    return torch.from_numpy(each / each.mean())  # classes that don't occur have a share in the weights' own mean


def shown_weights(setting: str | Sequence[float], counts: NDArray[np.int64], evenly: bool = False) -> Tensor | None:
    """Weights (C,) by which classes that occur `counts` times count in a run; None for equal ones.

    Args:
        setting, counts: of the loss, see `class_weights`.
        evenly: whether batches show each class equally often.
    """
    parts = [class_weights(setting, counts), class_weights("balanced", counts) if evenly else None]
    found = [weights for weights in parts if weights is not None]
    return torch.from_numpy(np.prod(found, axis=0)).float() if found else None


def training_loss(run: TrainingConfig, counts: NDArray[np.int64] | None, evenly: bool = False) -> ClassLoss:
    """The loss of a run whose classes occur `counts` times; where these are None, all classes weigh alike.

    Args:
        run: its label smoothing, class weights and focal loss.
        counts: (C,).
        evenly: whether batches show each class equally often.
    """
    weights = None if counts is None else class_weights(run.class_weights, counts)
    if counts is None or weights is None:
        return ClassLoss(run.label_smoothing, focal_gamma=run.focal_gamma)
    shown = counts > 0 if evenly else counts
    return ClassLoss(run.label_smoothing, weights, run.focal_gamma, float(np.average(weights, weights=shown)))
