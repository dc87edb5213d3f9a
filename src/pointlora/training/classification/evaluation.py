"""Evaluating a classifier on a data set, with or without votes."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pointlora.checks import check_integer
from pointlora.data.datasets import PointCloudDataset
from pointlora.data.loading import ClassificationBatch, make_loader, voting_batches
from pointlora.data.pending import on_device
from pointlora.data.transforms import TransformConfig
from pointlora.errors import DataError
from pointlora.randomness import isolated_randomness
from pointlora.training.classification.metrics import ClassificationMetrics, metrics_from


def evaluate(
    model: nn.Module,
    dataset: PointCloudDataset,
    transform: TransformConfig,
    *,
    batch_size: int = 32,
    votes: int = 1,
    seed: int = 0,
    workers: int = 0,
) -> ClassificationMetrics:
    """Overall and per-class accuracy, on the device that the model is on.

    Args:
        model: points (B, N, 3) to an output with `logits`; left in evaluation mode.
        dataset: labelled.
        transform: how clouds are prepared; its augmentations count for votes only.
        batch_size: clouds at a time; the figures don't depend on it.
        votes: 1 sees each cloud once, as it is; more average the class probabilities over so many random
            subsets and augmentations of it, each a function of (seed, vote, cloud).
        seed: of the votes.
        workers: processes that load data.

    Raises:
        ConfigError: for votes below 1.
        DataError: if the data set has no labels.
    """
    if not dataset.labelled:
        raise DataError(f"data set {dataset.name}: the {dataset.split} split has no labels to compare with")
    total = voted(model, dataset, transform, batch_size=batch_size, votes=votes, seed=seed, workers=workers)
    return metrics_from(dataset.labels, total.argmax(1).numpy(), dataset.class_names)


@torch.no_grad()
def voted(
    model: nn.Module,
    dataset: PointCloudDataset,
    transform: TransformConfig,
    *,
    batch_size: int = 32,
    votes: int = 1,
    seed: int = 0,
    workers: int = 0,
) -> Tensor:
    """Class probabilities (n, C) in float64 on the CPU, summed over the votes; arguments are those of `evaluate`."""
    check_integer("votes", votes, 1)
    model.eval()
    device = next(model.parameters()).device
    total = torch.zeros(len(dataset), len(dataset.class_names), dtype=torch.float64)
    with isolated_randomness("evaluation", seed):  # a DataLoader draws from torch's global generator
        for batch in _batches(dataset, transform, batch_size, votes, seed, workers, device.type == "cuda"):
            total[batch.index] += probabilities(model, on_device(batch.points, device))
    return total


def probabilities(model: nn.Module, points: Tensor) -> Tensor:
    """Class probabilities (B, C) in float64 on the CPU."""
    logits: Tensor = model(points).logits
    return logits.double().softmax(-1).cpu()


def _batches(
    dataset: PointCloudDataset,
    transform: TransformConfig,
    batch_size: int,
    votes: int,
    seed: int,
    workers: int,
    pending: bool,
) -> Iterator[ClassificationBatch]:
    if votes == 1:
        yield from make_loader(dataset, transform, batch_size, train=False, workers=workers, pending=pending)
    else:
        voted = voting_batches(dataset, transform, batch_size, votes, seed=seed, workers=workers, pending=pending)
        yield from (batch for _, batch in voted)


def check_class_names(expected: tuple[str, ...], dataset: PointCloudDataset, what: str) -> None:
    """A data set must have exactly the classes that a model was trained on, in the same order.

    Raises:
        DataError: naming the classes that differ.
    """
    if expected == dataset.class_names:
        return
    unknown = [name for name in dataset.class_names if name not in expected]
    absent = [name for name in expected if name not in dataset.class_names]
    parts = []
    if unknown:
        parts.append(f"{what} doesn't know {', '.join(unknown)}")
    if absent:
        parts.append(f"the data set {dataset.name} lacks {', '.join(absent)}")
    raise DataError("; ".join(parts) or f"the classes of {what} and of {dataset.name} are in a different order")
