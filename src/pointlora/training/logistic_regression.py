"""Penalised multinomial logistic regression, and the choice of its penalty by cross-validation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

# Weights of the squared coefficients that cross-validation chooses from, largest first, so that each fit starts from
# that of the next larger one.
PENALTIES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
FIXED_PENALTY = 1e-3
# A feature is constant that varies by no more than this part of what features usually do, or of its own size.
_SHARE_OF_USUAL, _SHARE_OF_ITSELF = 1e-3, 1e-4


class Rows(NamedTuple):
    """Samples of a regression.

    Attributes:
        features: (n, D).
        labels: (n,) int64.
        groups: (n,) int64, the cloud of each: cross-validation never splits one.
    """

    features: Tensor
    labels: Tensor
    groups: Tensor


class Fit(NamedTuple):
    """A linear classifier of features as they are: features @ weight.T + bias.

    Attributes:
        weight: (classes, D).
        bias: (classes,).
    """

    weight: Tensor
    bias: Tensor


def minimise(
    features: Tensor,
    labels: Tensor,
    classes: int,
    penalty: float,
    start: tuple[Tensor, Tensor] | None = None,
    steps: int = 300,
    class_weights: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Coefficients (D, classes) and biases (classes,) that minimise cross-entropy + penalty * |coefficients|^2.

    Args:
        features: (n, D), standardised.
        labels: (n,) int64.
        classes: how many.
        penalty: weight of the squared coefficients.
        start: coefficients and biases to begin with; by default zero.
        steps: of L-BFGS, at most.
        class_weights: (classes,) of the cross-entropy, a mean by these weights; None weighs all alike.
    """
    first = start or (features.new_zeros(features.shape[1], classes), features.new_zeros(classes))
    weight, bias = (nn.Parameter(value.clone()) for value in first)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        likelihood = functional.cross_entropy(features @ weight + bias, labels, class_weights)
        value = likelihood + penalty * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    with torch.enable_grad():
        optimizer.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()


def fit_rows(
    rows: Rows,
    classes: int,
    penalties: Sequence[float],
    steps: int = 100,
    class_weights: Tensor | None = None,
    gains: Tensor | None = None,
) -> list[Fit]:
    """A classifier for each penalty, from the largest on; the standardisation is folded into its weights.

    `gains` (D,) multiply the standardised features: a coefficient of one with gain g is penalised 1 / g^2 as much.
    """
    mean, deviation = standardisation(rows.features, gains)
    features = (rows.features - mean) / deviation
    found, last = [], None
    for penalty in penalties:
        last = minimise(features, rows.labels, classes, penalty, last, steps, class_weights)
        weight = (last[0] / deviation[:, None]).T.contiguous()
        found.append(Fit(weight, last[1] - weight @ mean))
    return found


def standardisation(features: Tensor, gains: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Means (D,) and deviations (D,) of features (n, D).

    Where a feature is the same in all rows but for rounding, the deviation is infinite: divided by it the feature says
    nothing, and a weight that is divided by it is 0, so that new values of the feature can't matter either.

    Args:
        features: (n, D).
        gains: (D,) factors of the standardised features, see `fit_rows`.
    """
    mean, deviation = features.mean(0), features.std(0, correction=0)
    constant = (deviation <= _SHARE_OF_USUAL * deviation.median()) | (deviation <= _SHARE_OF_ITSELF * mean.abs())
    deviation = deviation.masked_fill(constant, math.inf)
    return mean, deviation if gains is None else deviation / gains


def fold_of_groups(rows: Rows, folds: int, seed: int) -> Tensor:
    """The fold (n,) of each row: that of its group, spread evenly over the groups of each label."""
    groups, first = _first_rows(rows.groups)
    order = torch.randperm(len(groups), generator=torch.Generator().manual_seed(seed))
    order = order[torch.sort(rows.labels[first][order], stable=True).indices]
    fold = torch.empty(len(groups), dtype=torch.int64)
    fold[order] = torch.arange(len(groups)) % folds
    return fold[torch.searchsorted(groups, rows.groups)]


def cross_validate(
    plain: Rows,
    copies: Sequence[Rows],
    classes: int,
    penalties: Sequence[float],
    folds: int,
    seed: int,
    class_weights: Tensor | None = None,
    gains: Tensor | None = None,
) -> list[tuple[float, float]]:
    """For each penalty the share of right answers and the mean log-likelihood on rows that were held out.

    Args:
        plain: the clouds as they are; these alone are answered.
        copies: augmented ones, row by row as `plain`; they are learned from as well.
        classes: how many.
        penalties: largest first.
        folds: number of parts, each held out once.
        seed: chooses them.
        class_weights: (classes,) by which rows count, in the fits and in both figures; None counts all alike.
        gains: see `fit_rows`.
    """
    weights = plain.features.new_ones(classes) if class_weights is None else class_weights
    counts = weights[plain.labels]
    fold = fold_of_groups(plain, folds, seed)
    right, likelihood = [0.0] * len(penalties), [0.0] * len(penalties)
    for number in range(folds):
        kept, held = fold != number, fold == number
        learned = joined([Rows(*(part[kept] for part in rows)) for rows in (plain, *copies)])
        for index, fit in enumerate(fit_rows(learned, classes, penalties, class_weights=class_weights, gains=gains)):
            scores = plain.features[held] @ fit.weight.T + fit.bias
            right[index] += float(counts[held][scores.argmax(1) == plain.labels[held]].sum())
            likelihood[index] -= float(functional.cross_entropy(scores, plain.labels[held], weights, reduction="sum"))
    count = float(counts.sum())
    return [(one / count, other / count) for one, other in zip(right, likelihood, strict=True)]


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows one after another."""
    return Rows(*(torch.cat(values) for values in zip(*parts, strict=True)))


def _first_rows(groups: Tensor) -> tuple[Tensor, Tensor]:
    """Each group once, in order, and the index of its first row."""
    unique, inverse = torch.unique(groups, return_inverse=True)
    first = torch.full((len(unique),), len(groups)).scatter_reduce(0, inverse, torch.arange(len(groups)), "amin")
    return unique, first
