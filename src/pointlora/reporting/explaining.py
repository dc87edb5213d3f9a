"""What moves a decision: the class's probability without a patch (occlusion, Zeiler and Fergus, ECCV 2014)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pointlora.models.backbone import Backbone
from pointlora.models.classifier import PointClassifier
from pointlora.models.method import TokenSet
from pointlora.randomness import isolated_randomness
from pointlora.reporting.looking import is_large

# Patches overlap, so one of many moves little: where there are more, neighbours are left out together. Each region
# costs a forward pass.
MOST_REGIONS, MOST_REGIONS_OF_LARGE = 32, 16


def can_explain(model: nn.Module) -> bool:
    """Whether the model takes its patches one by one, so that any of them can be left out."""
    return isinstance(model, PointClassifier) and type(model).encode is Backbone.encode


@torch.no_grad()
def explain(model: PointClassifier, points: Tensor) -> tuple[int, float, NDArray[np.float32]]:
    """What a classifier says of a cloud, and of the cloud without each of its patches.

    Of more than `MOST_REGIONS` patches (`MOST_REGIONS_OF_LARGE` of a large network) those nearest to each of the first
    ones, which farthest point sampling has spread over the cloud, are left out together. Selected tokens and others
    that a method adds stay, and so does what the head reads of all points' features.

    Args:
        model: see `can_explain`; left in evaluation mode.
        points: (1, N, 3 + F) prepared.

    Returns:
        the predicted class, its probability, and its probability (G,) without the patch at each center, in the order of
        `TokenSequence.centers`.
    """
    model.eval()
    with isolated_randomness("report", 0):
        points = points.to(next(model.parameters()).device)
        grouped = model.group(points)
        sampled, *others = model.embed(grouped)
        own = model.arrange(sampled)
        probabilities = _probabilities(model, points, own, others)[0]
        label = int(probabilities.argmax())
        most = MOST_REGIONS_OF_LARGE if is_large(model) else MOST_REGIONS
        regions = _regions(own.centers[0], sampled.centers[0][:most])
        without = np.zeros(len(regions), dtype=np.float32)
        for region in regions.unique():
            kept = torch.nonzero(regions != region)[:, 0]
            if len(kept):
                left = TokenSet(*(part[:, kept] for part in own))
                without[(regions == region).cpu().numpy()] = float(
                    _probabilities(model, points, left, others)[0, label]
                )
    return label, float(probabilities[label]), without


def _regions(centers: Tensor, middles: Tensor) -> Tensor:
    """(G,) a number for each patch; those of one number are left out together."""
    if len(centers) == len(middles):
        return torch.arange(len(centers), device=centers.device)
    return torch.cdist(centers, middles).argmin(1)


def _probabilities(model: PointClassifier, points: Tensor, own: TokenSet, others: list[TokenSet]) -> Tensor:
    sequences = model.encode_tokens(own, others, model.levels)
    logits: Tensor = model.head(model.read(points, sequences))
    return logits.double().softmax(-1)
