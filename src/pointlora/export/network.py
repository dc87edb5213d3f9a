"""A trained model as one function of tensors, the form in which it is exported."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn

from pointlora.data.transforms import TransformConfig
from pointlora.export.preparation import Preparation
from pointlora.methods.lora import LoraBranch, merge_lora
from pointlora.models.backbone import Backbone


class ExportedClassifier(nn.Module):
    """Points (B, N, 3 + F) to logits (B, classes).

    Args:
        model: in evaluation mode.
        preparation: what is done to clouds before; None where they come prepared.
    """

    names = ("points",)

    def __init__(self, model: nn.Module, preparation: Preparation | None = None) -> None:
        super().__init__()
        self.model, self.preparation = model, preparation

    def forward(self, points: Tensor) -> Tensor:
        if self.preparation is not None:
            points, _ = self.preparation(points)
        logits: Tensor = self.model(points).logits
        return logits


class ExportedSegmenter(nn.Module):
    """Points (B, N, 3 + F) and queries (B, M, 3 + F) to logits (B, M, parts); arguments as of the classifier."""

    names: tuple[str, ...] = ("points", "queries")

    def __init__(self, model: nn.Module, preparation: Preparation | None = None) -> None:
        super().__init__()
        self.model, self.preparation = model, preparation

    def forward(self, points: Tensor, queries: Tensor) -> Tensor:
        return self.label(points, queries, None)

    def label(self, points: Tensor, queries: Tensor, category: Tensor | None) -> Tensor:
        """Logits of the queries."""
        if self.preparation is not None:
            points, queries = self.preparation(points, queries)
        logits: Tensor = self.model(points, category, queries).logits
        return logits


class ExportedCategorySegmenter(ExportedSegmenter):
    """The same of a model that is told the category (B,) of each cloud, integers."""

    names = ("points", "queries", "category")

    def forward(self, points: Tensor, queries: Tensor, category: Tensor) -> Tensor:  # type: ignore[override]
        return self.label(points, queries, category)


ExportedNetwork = ExportedClassifier | ExportedSegmenter


def exported_network(model: nn.Module, transform: TransformConfig | None = None) -> ExportedNetwork:
    """A model as it is exported: low-rank branches merged, in place, everything else as it is.

    Args:
        model: a classifier or a part segmenter; left in evaluation mode.
        transform: makes what it does to raw clouds a part of the network; None leaves that to whoever calls it.
    """
    if any(isinstance(module, LoraBranch) and not module.merged for module in model.modules()):
        merge_lora(model)
    model.eval().requires_grad_(False)
    preparation = None if transform is None else Preparation(transform)
    if cast(Backbone, model).task == "classification":
        return ExportedClassifier(model, preparation).eval()
    kind = ExportedCategorySegmenter if cast(Any, model).num_categories else ExportedSegmenter
    return kind(model, preparation).eval()


def least_points(network: ExportedNetwork) -> int:
    """Fewest points that a cloud may have: one with preparation, else as many as the largest scale needs."""
    if network.preparation is not None:
        return 1
    model = cast(Backbone, network.model)
    return max(max(scale) for scale in model.scales_cut)


def num_features(network: ExportedNetwork) -> int:
    """F, numbers that a point has beside x, y, z."""
    return cast(Backbone, network.model).sizes.num_features
