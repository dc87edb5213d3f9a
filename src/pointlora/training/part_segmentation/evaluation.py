"""Evaluating a part segmenter on a data set, every point of it, with or without votes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pointlora.checks import check_integer
from pointlora.data.parts.base import PartDataset
from pointlora.data.parts.loading import PartBatch, make_part_loader, part_voting_batches
from pointlora.data.parts.space import UNNAMED, PartSpace
from pointlora.data.transforms import TransformConfig
from pointlora.errors import DataError
from pointlora.randomness import isolated_randomness
from pointlora.training.part_segmentation.metrics import PartMetrics, metrics_from_counts, predict_parts, shape_counts
from pointlora.training.part_segmentation.module import model_category


@torch.no_grad()
def evaluate_parts(
    model: nn.Module,
    dataset: PartDataset,
    transform: TransformConfig,
    *,
    space: PartSpace | None = None,
    batch_size: int = 32,
    votes: int = 1,
    seed: int = 0,
    workers: int = 0,
) -> PartMetrics:
    """Instance and class mIoU over all points of all clouds, on the device that the model is on.

    The network sees `transform.num_points` of each cloud, and labels every point that the cloud has.

    Args:
        model: a part segmenter; left in evaluation mode.
        dataset: with part labels.
        transform: how clouds are prepared; its augmentations count for votes only.
        space: parts that are told apart, by default the data set's.
        batch_size: clouds at a time; the figures don't depend on it.
        votes: 1 sees each cloud once, as it is; more average the part probabilities over so many random subsets and
            augmentations of it, each a function of (seed, vote, cloud).
        seed: of the votes.
        workers: processes that load data.

    Raises:
        ConfigError: for votes below 1.
    """
    check_integer("votes", votes, 1)
    space = dataset.space if space is None else space
    model.eval()
    device = next(model.parameters()).device
    allowed = torch.from_numpy(space.allowed).to(device)
    rows: list[Tensor] = []
    with isolated_randomness("evaluation", seed):  # a DataLoader draws from torch's global generator
        for copies in _copies(dataset, transform, batch_size, votes, seed, workers):
            scores = [score_parts(model, batch, space, device) for batch in copies]
            total = scores[0] if votes == 1 else torch.stack([one.softmax(-1) for one in scores]).sum(0)
            category = copies[0].category.to(device)
            predicted = predict_parts(total, category, allowed)
            rows.append(shape_counts(copies[0].parts.to(device), predicted, category, space).cpu())
    return metrics_from_counts(torch.cat(rows).numpy(), space)


def score_parts(model: nn.Module, batch: PartBatch, space: PartSpace, device: torch.device) -> Tensor:
    """Logits (B, M, parts) of a batch's queries."""
    category = model_category(batch, space)
    queries = batch.points if batch.queries is None else batch.queries
    logits: Tensor = model(
        batch.points.to(device), None if category is None else category.to(device), queries.to(device)
    ).logits
    return logits


def _copies(
    dataset: PartDataset, transform: TransformConfig, batch_size: int, votes: int, seed: int, workers: int
) -> Iterator[list[PartBatch]]:
    """The batches of the data set, each as often as there are votes."""
    if votes == 1:
        for batch in make_part_loader(dataset, transform, batch_size, train=False, workers=workers):
            yield [batch]
        return
    batches = part_voting_batches(dataset, transform, batch_size, votes, seed=seed, workers=workers)
    for first in batches:
        yield [first, *(next(batches) for _ in range(votes - 1))]


def check_space(expected: PartSpace, dataset: PartDataset, what: str) -> None:
    """A data set must have the categories and parts that a model was trained on, or fewer parts.

    Raises:
        DataError: naming what differs.
    """
    found = dataset.space
    if found.categories != expected.categories:
        ours, theirs = (", ".join(names) or "none" for names in (expected.categories, found.categories))
        raise DataError(f"{what} knows the categories {ours}; the data set {dataset.name} has {theirs}")
    known = dict(zip(expected.numbers, expected.part_names, strict=True))
    for number, name in zip(found.numbers, found.part_names, strict=True):
        if number not in known or (known[number] != name and UNNAMED.format(number) not in (known[number], name)):
            raise DataError(f"{what} doesn't know part {name!r} of the data set {dataset.name}")
    for category, (theirs_of, ours_of) in enumerate(zip(found.parts_of, expected.parts_of, strict=True)):
        ours_numbers = {expected.numbers[part] for part in ours_of}
        more = [part for part in theirs_of if found.numbers[part] not in ours_numbers]
        if more and (dataset.labels == category).any():
            name = found.part_names[more[0]]
            raise DataError(f"{what} doesn't know {name!r} as a part of {found.class_names[category]}")


def counted_space(parts: Mapping[str, Any], space: PartSpace, dataset: PartDataset) -> PartSpace:
    """The parts that count in the figures of an adapter: those that it was trained on.

    Earlier releases took every number up to the largest label for a part, and wrote no numbers: of such an adapter
    without categories only the parts count that the data set has.

    Args:
        parts: what the adapter's `adapter_config.json` says about them.
        space: made of it.
        dataset: to measure on; `check_space` has passed it.
    """
    return space if "numbers" in parts else space.restricted(dataset.space.numbers)
