"""A head that starts fitted to the features of the backbone as it is: a linear one as their logistic regression, a
paired one with a hidden layer beside it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from pointlora.data.loading import PointLoader
from pointlora.data.pending import finished
from pointlora.errors import ConfigError
from pointlora.layers.feature_linear import FeatureLinear
from pointlora.layers.linear import Linear
from pointlora.models.backbone import Backbone
from pointlora.models.linear_part_head import LinearPartHead
from pointlora.models.paired_head import DROPOUT, HIDDEN, PairedHead, linear_layer
from pointlora.models.segmenter import PartSegmenter
from pointlora.randomness import isolated_randomness
from pointlora.training.hidden_fitting import fit_hidden
from pointlora.training.logistic_regression import (
    FIXED_PENALTY,
    PENALTIES,
    Fit,
    Rows,
    cross_validate,
    fit_rows,
    joined,
)
from pointlora.training.recalibration import batch_on

# Augmented copies beside which cross-validation chooses the penalty.
TRIED_COPIES = 2
# Up to so many clouds -> copies in the final fit. Each copy more helped on validation splits (docs/results.md); of many
# clouds they cost time.
COPIES = ((2000, 6),)
# With fewer labels a class, on average (with weights: of the rarest class), nothing is chosen.
FEWEST_LABELS = 5
_FOLDS = 3
# Of the summaries of features: a hundredth of the penalty.
_LARGEST_GAIN = 10.0
# Rows of all copies together, and points of part segmentation: more take minutes and change little.
_MOST_ROWS = 20_000
_MOST_PART_ROWS = 4_096


class HeadFit(NamedTuple):
    """How a head was fitted.

    Attributes:
        penalty: weight of the squared coefficients.
        copies: augmented copies of each cloud beside the cloud as it is.
        accuracy: of the regression in cross-validation, in [0, 1]; None where nothing was chosen.
    """

    penalty: float
    copies: int
    accuracy: float | None


class HeadRows(NamedTuple):
    """What a head is fitted to: features of the backbone as it is.

    Attributes:
        plain: of the clouds as they are.
        copies: of augmented copies of them, row by row as `plain`.
        chosen: the fit that was chosen for these and others; None leaves the choice to each fit.
    """

    plain: Rows
    copies: list[Rows]
    chosen: HeadFit | None = None

    def of(self, members: Tensor) -> HeadRows:
        """Those of some clouds, given by their numbers, ascending; these are numbered anew from 0 on."""
        kept = torch.isin(self.plain.groups, members)

        def chosen(rows: Rows) -> Rows:
            return Rows(rows.features[kept], rows.labels[kept], torch.searchsorted(members, rows.groups[kept]))

        return HeadRows(chosen(self.plain), [chosen(copy) for copy in self.copies], self.chosen)


def fit_head(
    model: nn.Module,
    loader: Iterable[Any],
    augmented: PointLoader | None = None,
    seed: int = 0,
    class_weights: Tensor | None = None,
) -> HeadFit:
    """Make the head the penalised logistic regression on the model's features, in place; in a paired head that is the
    linear one, and the hidden layer beside it is fitted to the same features by gradient descent.

    Features are standardised, and the standardisation is folded into the head's weights. The penalty is chosen by
    cross-validation over the clouds; with fewer than 5 labels a class, on average, or of the rarest class where classes
    are weighted, it is fixed. Of up to 2,000 clouds six augmented copies are learned from, of more two.

    Args:
        model: with a linear or paired head; left in evaluation mode.
        loader: batches of each labelled cloud once, as it is.
        augmented: batches of the same clouds in the same order, augmented anew in each epoch.
        seed: of the folds of cross-validation.
        class_weights: (classes,) of the regression and of its cross-validation; None weighs all alike.

    Raises:
        ConfigError: for another head, or fewer than two labels.
    """
    return fit_head_to(model, head_rows(model, loader, augmented, seed), seed, class_weights)


@torch.no_grad()
def head_rows(model: nn.Module, loader: Iterable[Any], augmented: PointLoader | None = None, seed: int = 0) -> HeadRows:
    """The features that `fit_head` would learn from; its arguments and errors. The model is left in evaluation mode."""
    if not isinstance(model, Backbone) or getattr(model, "head_kind", None) not in ("linear", "paired"):
        raise ConfigError("only a linear or paired head can start fitted: create the model with head='linear'")
    model.eval()
    with isolated_randomness("probe", seed):  # a DataLoader draws from torch's global generator
        plain = _rows(model, loader)
        if len(torch.unique(plain.labels)) < 2:
            raise ConfigError("a head is fitted to labels, and there are fewer than two different ones")
        none = augmented is None or isinstance(model, PartSegmenter)
        count = 0 if none else _count_for(plain)
        return HeadRows(plain, [_rows(model, _epoch(cast(PointLoader, augmented), 1 + n)) for n in range(count)])


@torch.no_grad()
def fit_head_to(model: nn.Module, rows: HeadRows, seed: int = 0, class_weights: Tensor | None = None) -> HeadFit:
    """`fit_head` with features that are there already: those of `head_rows`, or of some of its clouds."""
    model = cast(Backbone, model.eval())
    chosen = rows.chosen or choose_fit(model, rows, seed, class_weights)
    copies, gains = [rows.plain, *rows.copies[: chosen.copies]], _gains(model, rows.plain.features.shape[1])
    classes = int(cast(Tensor, _bias(model)).shape[0])
    with isolated_randomness("probe", seed):
        _set_head(model, fit_rows(joined(copies), classes, [chosen.penalty], 100, class_weights, gains)[0])
    head = model.get_submodule("head")
    if isinstance(head, PairedHead):
        enter, leave = fit_hidden(copies, classes, HIDDEN, DROPOUT, seed, class_weights, gains)
        _set_layer(head.enter, enter)
        _set_layer(head.leave, leave)
    return chosen


def choose_fit(model: nn.Module, rows: HeadRows, seed: int = 0, class_weights: Tensor | None = None) -> HeadFit:
    """The penalty and the number of copies with which `fit_head` would fit the head; it stays as it is."""
    model = cast(Backbone, model)
    plain, copies = rows.plain, rows.copies[: _count_for(rows.plain)]
    classes, gains = int(cast(Tensor, _bias(model)).shape[0]), _gains(model, plain.features.shape[1])
    with isolated_randomness("probe", seed):
        return _choose(plain, copies, classes, seed, class_weights, gains)


def _count_for(plain: Rows) -> int:
    return min(copies_for(len(plain.labels)), max(_MOST_ROWS // len(plain.labels) - 1, 0))


def copies_for(clouds: int) -> int:
    """How many augmented copies of each of so many clouds are learned from."""
    return next((copies for most, copies in COPIES if clouds <= most), TRIED_COPIES)


def _gains(model: Backbone, width: int) -> Tensor | None:
    """Of the summaries of what points have beside x, y, z, which come last of so many features: these few shall not
    drown in the many of the shape. None where there are none, and in part segmentation.
    """
    own = 2 * model.sizes.num_features
    if not own or isinstance(model, PartSegmenter):
        return None
    gains = torch.ones(width)
    gains[-own:] = min(((width - own) / own) ** 0.5, _LARGEST_GAIN)
    return gains


def _choose(
    plain: Rows, copies: list[Rows], classes: int, seed: int, class_weights: Tensor | None, gains: Tensor | None
) -> HeadFit:
    labels = torch.unique(torch.stack([plain.labels, plain.groups]), dim=1)[0]
    counts = labels.unique(return_counts=True)[1]
    # Where rare classes count as much as others, the clouds of the rarest decide the choice.
    each = len(labels) / len(counts) if class_weights is None else int(counts.min())
    if each < FEWEST_LABELS:
        kind = "a class" if class_weights is None else "of the rarest class"
        print(
            f"probe: {each:.2g} labels {kind} are too few to choose by: penalty {FIXED_PENALTY:g}, "
            f"{len(copies)} augmented copies",
            file=sys.stderr,
        )
        return HeadFit(FIXED_PENALTY, len(copies), None)
    found = cross_validate(plain, copies[:TRIED_COPIES], classes, PENALTIES, _FOLDS, seed, class_weights, gains)
    # Answers of few clouds say less than their likelihoods: these decide between equals.
    (accuracy, _), penalty = max(zip(found, PENALTIES, strict=True))
    return HeadFit(penalty, len(copies), accuracy)


def _epoch(loader: PointLoader, epoch: int) -> PointLoader:
    cast(Any, loader.batch_sampler).set_epoch(epoch)
    return loader


def _rows(model: Backbone, loader: Iterable[Any]) -> Rows:
    """Features of all batches, in the order of the clouds."""
    device, parts = next(model.parameters()).device, []
    size = len(loader.dataset) if isinstance(loader, PointLoader) else 1  # type: ignore[arg-type]
    for batch in loader:
        moved = finished(batch_on(batch, device))
        parts.append(_part_rows(model, moved, size) if isinstance(model, PartSegmenter) else _cloud_rows(model, moved))
    rows = Rows(*(value.cpu() for value in joined(parts)))
    order = torch.sort(rows.groups, stable=True).indices
    return Rows(*(value[order] for value in rows))


def _cloud_rows(model: Any, batch: Any) -> Rows:
    features = model.read(batch.points, model.encode(batch.points, model.levels)).float()
    return Rows(features, batch.labels, batch.index)


def _part_rows(model: PartSegmenter, batch: Any, clouds: int) -> Rows:
    """Points of each cloud, spread over it, with the features that the head reads there."""
    wanted = min(max(_MOST_PART_ROWS // max(clouds, 1), 4), 64)
    step = max(batch.points.shape[1] // wanted, 1)
    queries, labels = batch.points[:, ::step], batch.parts[:, ::step]
    features = model.encode_clouds(batch.points, batch.category if model.num_categories else None)
    read = cast(LinearPartHead, model.head).features(
        queries, features.centers, features.levels, features.summary, features.category
    )
    groups = batch.index[:, None].expand_as(labels)
    counted = labels >= 0
    return Rows(read[counted].float(), labels[counted], groups[counted])


def _bias(model: Backbone) -> Tensor | None:
    head = model.get_submodule("head")
    return head.whole.bias if isinstance(head, LinearPartHead) else cast(Linear, linear_layer(head)).bias


def _set_head(model: Backbone, fit: Fit) -> None:
    head = model.get_submodule("head")
    if not isinstance(head, LinearPartHead):
        _set_layer(cast(Linear, linear_layer(head)), fit)
        return
    before, behind = head.local.in_features, head.whole.in_features
    near, own, whole = fit.weight.split([before, fit.weight.shape[1] - before - behind, behind], 1)
    head.local.weight.copy_(near)
    if own.shape[1]:
        head.own.copy_(own)
    head.whole.weight.copy_(whole)
    cast(Tensor, head.whole.bias).copy_(fit.bias)


def _set_layer(layer: Linear, fit: Fit) -> None:
    own = fit.weight
    if isinstance(layer, FeatureLinear):
        own, features = fit.weight.split([layer.in_features, layer.features.shape[1]], 1)
        layer.features.copy_(features)
    layer.weight.copy_(own)
    cast(Tensor, layer.bias).copy_(fit.bias)
