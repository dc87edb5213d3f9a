"""Classification on top of a backbone."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from pointlora.checks import check_integer
from pointlora.models.class_token import ClassTokenBackbone
from pointlora.models.heads import classification_head
from pointlora.models.sizes import Sizes
from pointlora.models.transformer import initialize_weights


class ClassifierOutput(NamedTuple):
    """What a classifier returns.

    Attributes:
        logits: (B, classes) float32.
        auxiliary_loss: the tuning method's own loss, a scalar, not yet weighted by `model.method.loss_weight`; 0
            without a method.
        generation_loss: the backbone's own second loss, a scalar, not yet weighted by the model's
            `generation_weight`; 0 for all families but PointGPT.
        selected: centers (B, K, 3) of the selected patches, a tensor a scale.
    """

    logits: Tensor
    auxiliary_loss: Tensor
    generation_loss: Tensor
    selected: tuple[Tensor, ...] = ()


class PointClassifier(ClassTokenBackbone):
    """A backbone with a class token and a head on [class token, maximum over all other tokens].

    Args:
        sizes: see `Sizes`.
        num_classes: number of classes.

    Attributes:
        generation_weight: weight of `ClassifierOutput.generation_loss` in the training loss.
    """

    task = "classification"
    generation_weight = 0.0

    def __init__(self, sizes: Sizes, num_classes: int) -> None:
        super().__init__(sizes)
        check_integer("num_classes", num_classes, 1)
        self.num_classes = num_classes
        self.build_prefix()
        self.make_head()

    @property
    def pooled_width(self) -> int:
        """Width of the backbone's own pooled features."""
        return 2 * self.sizes.embed_dim

    def build_head(self, width: int) -> nn.Module:
        """Pooled features (B, width) to logits (B, classes)."""
        return classification_head(width, self.num_classes)

    def make_head(self, more: int = 0) -> None:
        """A new head, which reads `more` features than the backbone's own."""
        self.head = self.build_head(self.pooled_width + more)
        self.head.apply(initialize_weights)

    def forward(self, points: Tensor) -> ClassifierOutput:
        """Classify clouds.

        Args:
            points: (B, N, 3 + F), the coordinates in a unit sphere as in training.

        Raises:
            ShapeError: for a wrong shape, or clouds too small for the patches.
        """
        (sequence,) = self.encode(points)
        logits = self.head(self.pool(sequence)).float()
        return ClassifierOutput(logits, sequence.auxiliary_loss.float(), logits.new_zeros(()), sequence.selected)
