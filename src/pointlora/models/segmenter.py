"""Part segmentation on top of a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pointlora.errors import ConfigError, ShapeError
from pointlora.layers.max_pool import maximum
from pointlora.models.backbone import Backbone
from pointlora.models.linear_part_head import LinearPartHead
from pointlora.models.part_head import PartHead
from pointlora.models.readout import Readout, feature_levels
from pointlora.models.sizes import Sizes, check_width
from pointlora.ops.compiling import is_traced
from pointlora.ops.validation import check_points, without_colors


class SegmenterOutput(NamedTuple):
    """What a part segmenter returns.

    Attributes:
        logits: (B, M, parts) float32, one row per query, or per point of the cloud if there are no queries.
        auxiliary_loss: the tuning method's own loss, a scalar, not yet weighted by `model.method.loss_weight`; 0
            without a method.
        selected: centers (B, K, 3) of the selected patches, one tensor per scale.
    """

    logits: Tensor
    auxiliary_loss: Tensor
    selected: tuple[Tensor, ...] = ()


class CloudFeatures(NamedTuple):
    """What the part head reads of a batch of clouds, whatever points are asked for.

    Attributes:
        centers: (B, G, 3) of the patches.
        levels: (B, G, L) features of the patches.
        summary: (B, S) of the clouds.
        category: (B,) integers; None for a model without categories.
        auxiliary_loss: see `SegmenterOutput`, as is `selected`.
    """

    centers: Tensor
    levels: Tensor
    summary: Tensor
    category: Tensor | None
    auxiliary_loss: Tensor
    selected: tuple[Tensor, ...]


class PartSegmenter(Backbone):
    """A backbone with Point-MAE's part head on the outputs of three of its blocks.

    Features of a point come from patch tokens alone. Tokens before the patches, and those that a method adds
    (PointLoRA's selected ones), take part in the attention, but neither in the interpolation nor in the summary of the
    cloud: they stand for no place, or for one that a patch stands for already.

    Args:
        sizes: see `Sizes`.
        num_parts: parts of all categories together.
        num_categories: object categories whose code the head reads; 0 for a head that doesn't know any.
        head_dims: four widths of the published head, see `PartHead`; by default those of `default_head_dims`.
        head, levels: see `Readout`; what is pooled is the maximum and the mean in any case.
    """

    task = "part_segmentation"
    spare_parts = (r"cls_token$", r"cls_position$")
    num_summaries = 2
    levels: tuple[int, ...]
    head_kind: str
    head: PartHead | LinearPartHead

    def __init__(
        self,
        sizes: Sizes,
        num_parts: int,
        num_categories: int = 16,
        head_dims: Sequence[int] | None = None,
        head: str | None = None,
        levels: Sequence[int] | None = None,
    ) -> None:
        super().__init__(sizes)
        check_width("num_parts", num_parts)
        if num_categories:
            check_width("num_categories", num_categories)
        head_dims = default_head_dims(sizes.embed_dim) if head_dims is None else head_dims
        if len(head_dims) != 4:
            raise ConfigError(f"head_dims is {list(head_dims)}, but it needs four widths")
        for width in head_dims:
            check_width("each of head_dims", width)
        self.num_parts, self.num_categories, self.head_dims = num_parts, num_categories, tuple(head_dims)
        self.chosen_readout = Readout(head, levels)
        self.build_prefix()
        self.set_readout(Readout())

    def set_readout(self, defaults: Readout) -> None:
        published = Readout("mlp", feature_levels(self.sizes.depth))
        readout = self.chosen_readout.over(defaults).over(published).check(self.sizes.depth)
        if readout.head == "paired":
            raise ConfigError("model.head is 'paired', but for part segmentation it must be mlp or linear")
        self.head_kind, self.levels, *_ = readout  # type: ignore[assignment]
        self.make_head()

    @property
    def level_width(self) -> int:
        """Width L of a patch's features, of all levels."""
        return len(self.levels) * self.sizes.embed_dim

    def make_head(self, more: int = 0) -> None:
        """A new head, which reads `more` features of a cloud than the backbone's own."""
        summary = self.num_summaries * self.level_width + more
        widths = self.level_width, summary, self.num_parts, self.num_categories
        if self.head_kind == "linear":
            self.head = LinearPartHead(*widths, self.sizes.num_features)
        else:
            self.head = PartHead(*widths, self.head_dims, num_features=self.sizes.num_features)

    @property
    def head_width(self) -> int | None:
        return getattr(self.head, "summary_width", None)

    def summarize(self, patches: Tensor, prefix: Tensor) -> list[Tensor]:
        """The parts of a cloud's summary, (B, L) each, from its patches (B, G, L) and the tokens before them (B, P, L).

        A method may change them.
        """
        return [maximum(patches), patches.mean(1)]

    def forward(self, points: Tensor, category: Tensor | None = None, queries: Tensor | None = None) -> SegmenterOutput:
        """Score the parts at each point.

        Args:
            points: (B, N, 3 + F) that the backbone sees, in a unit sphere as in training; for a backbone of 6 channels
                also (B, N, 6 + F), with colours in [0, 1] before the features.
            category: (B,) integers, the object category of each cloud; None for a model without categories.
            queries: (B, M, 3 + F) points to label, in the same frame; by default those of `points`. In evaluation they
                are taken in blocks, so that there may be any number of them.

        Raises:
            ShapeError: for a wrong shape, clouds too small for the patches, or categories where none are known, or
                none where they are, or (on a CPU) one that doesn't exist.
        """
        if queries is None:
            queries = without_colors(points, self.sizes.num_features)
        check_points(queries, "queries", self.sizes.num_features)
        features = self.encode_clouds(points, category)
        return SegmenterOutput(self.score(features, queries), features.auxiliary_loss.float(), features.selected)

    def encode_clouds(self, points: Tensor, category: Tensor | None = None) -> CloudFeatures:
        """The half of `forward` that knows nothing of the queries; arguments and errors are the same."""
        category = self._check_category(category, len(points))
        levels = self.encode(points, self.levels)
        patches = torch.cat([level.patches for level in levels], -1)
        prefix = torch.cat([level.prefix for level in levels], -1)
        last = levels[-1]
        summary = self.pooled(self.summarize(patches, prefix), last)
        return CloudFeatures(last.centers, patches, summary, category, last.auxiliary_loss, last.selected)

    def score(self, features: CloudFeatures, queries: Tensor) -> Tensor:
        """Logits (B, M, parts) float32 of queries (B, M, 3 + F): the other half, for some at a time if need be."""
        logits: Tensor = self.head(queries, features.centers, features.levels, features.summary, features.category)
        return logits.float()

    def _check_category(self, category: Tensor | None, batch: int) -> Tensor | None:
        if not self.num_categories:
            if category is not None:
                raise ShapeError("categories were given to a model that knows none: create it with num_categories")
            return None
        if category is None:
            raise ShapeError(f"the model needs the category of each cloud, one of {self.num_categories}")
        if category.shape != (batch,) or category.is_floating_point():
            raise ShapeError(f"category must be ({batch},) integers, not {tuple(category.shape)} of {category.dtype}")
        # Elsewhere than on a CPU the check would wait for the device.
        if not is_traced() and category.device.type == "cpu" and len(category):
            low, high = int(category.min()), int(category.max())
            if low < 0 or high >= self.num_categories:
                raise ShapeError(
                    f"category {low if low < 0 else high} isn't one of the {self.num_categories}, from 0 on"
                )
        return category


def default_head_dims(embed_dim: int) -> tuple[int, int, int, int]:
    """Widths of the head: (4C, 1024, 512, 256) as published, the last three in proportion below a width C of 384."""
    narrow = [max(min(width, width * embed_dim // 384), 1) for width in (1024, 512, 256)]
    return (4 * embed_dim, narrow[0], narrow[1], narrow[2])
