"""Classification on top of a backbone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pointlora.checks import check_integer
from pointlora.layers.feature_linear import entry_layer
from pointlora.models.class_token import ClassTokenBackbone
from pointlora.models.heads import classification_head, feature_summary
from pointlora.models.method import TokenSequence
from pointlora.models.paired_head import PairedHead, linear_layer, reads_features
from pointlora.models.readout import Readout, paired_readout
from pointlora.models.sizes import Sizes
from pointlora.models.transformer import initialize_weights
from pointlora.ops.grouping import Scale


class ClassifierOutput(NamedTuple):
    """What a classifier returns.

    Attributes:
        logits: (B, classes) float32.
        auxiliary_loss: the tuning method's own loss, a scalar, not yet weighted by `model.method.loss_weight`; 0
            without a method.
        generation_loss: the backbone's own second loss, a scalar, not yet weighted by the model's
            `generation_weight`; 0 for all families but PointGPT.
        selected: centers (B, K, 3) of the selected patches, one tensor per scale.
    """

    logits: Tensor
    auxiliary_loss: Tensor
    generation_loss: Tensor
    selected: tuple[Tensor, ...] = ()


class PointClassifier(ClassTokenBackbone):
    """A backbone with a class token and a head on [class token, maximum over all other tokens].

    Where points have features beside x, y, z, a linear or paired head reads their mean and deviation over the cloud
    too: a head that is fitted sees them from the start, when the tokenizer doesn't yet.

    Args:
        sizes: see `Sizes`.
        num_classes: number of classes.
        head, levels, pooling, scales: see `Readout`; by default those of the method, or else the published ones.

    Attributes:
        generation_weight: weight of `ClassifierOutput.generation_loss` in the training loss.
    """

    task = "classification"
    generation_weight = 0.0
    head_kind: str
    levels: tuple[int, ...]
    scales: int

    def __init__(
        self,
        sizes: Sizes,
        num_classes: int,
        head: str | None = None,
        levels: Sequence[int] | None = None,
        pooling: Sequence[str] | None = None,
        scales: int | None = None,
    ) -> None:
        super().__init__(sizes)
        check_integer("num_classes", num_classes, 1)
        self.num_classes = num_classes
        self.chosen_readout = Readout(head, levels, pooling, scales)
        self.build_prefix()
        self.set_readout(Readout())

    def set_readout(self, defaults: Readout) -> None:
        published = Readout("mlp", (self.sizes.depth - 1,), type(self).pooling, 1)
        readout = self.chosen_readout.over(defaults).over(published).check(self.sizes.depth)
        self.head_kind, self.levels, self.pooling, self.scales = readout  # type: ignore[assignment]
        self.make_head()

    def take_readout(self, name: str) -> None:
        if name == "paired":
            self.set_readout(paired_readout(self.sizes.depth, type(self).pooling))
        else:
            super().take_readout(name)

    @property
    def further_scales(self) -> list[Scale]:
        groups, size = self.sizes.scale
        return [Scale(max(groups >> step, 1), size << step) for step in range(1, self.scales)]

    @property
    def pooled_width(self) -> int:
        """Width of the backbone's own pooled features."""
        widths = {"class_token": self.class_token_width}
        return self.scales * len(self.levels) * sum(widths.get(name, self.sizes.embed_dim) for name in self.pooling)

    @property
    def class_token_width(self) -> int:
        """Width of what stands before the patches, pooled."""
        return self.sizes.embed_dim

    @property
    def head_width(self) -> int | None:
        head: Any = linear_layer(self.head)
        first = head[0] if isinstance(head, nn.Sequential) and len(head) else head
        return first.in_features if isinstance(first, nn.Linear) else None

    def build_head(self, width: int) -> nn.Module:
        """Pooled features (B, width) to logits (B, classes): the published head."""
        return classification_head(width, self.num_classes)

    def make_head(self, more: int = 0) -> None:
        """A new head, which reads `more` features than the backbone's own."""
        width = self.pooled_width + more
        if self.head_kind == "linear":
            self.head: nn.Module = entry_layer(width, self.num_classes, 2 * self.sizes.num_features)
        elif self.head_kind == "paired":
            self.head = PairedHead(width, self.num_classes, 2 * self.sizes.num_features)
        else:
            self.head = self.build_head(width)
        self.head.apply(initialize_weights)

    def read(self, points: Tensor, sequences: Sequence[TokenSequence]) -> Tensor:
        """What the head reads, (B, ·).

        Args:
            points: (B, N, 3 + F).
            sequences: the levels of all scales, from `encode`.
        """
        pooled = self.pool(*sequences)
        if not reads_features(self.head):
            return pooled
        return torch.cat([pooled, feature_summary(points, self.sizes.num_features).to(pooled.dtype)], -1)

    def forward(self, points: Tensor) -> ClassifierOutput:
        """Classify clouds.

        Args:
            points: (B, N, 3 + F), the coordinates in a unit sphere as in training; for a backbone of 6 channels also
                (B, N, 6 + F), with colours in [0, 1] before the features.

        Raises:
            ShapeError: for a wrong shape, or clouds too small for the patches.
        """
        sequences = self.encode(points, self.levels)
        logits, sequence = self.head(self.read(points, sequences)).float(), sequences[-1]
        return ClassifierOutput(logits, sequence.auxiliary_loss.float(), logits.new_zeros(()), sequence.selected)
