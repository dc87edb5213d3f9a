"""A classifier without a class token: its head reads the maximum and the mean of all tokens."""

from __future__ import annotations

from torch import Tensor

from pointlora.layers.max_pool import maximum
from pointlora.models.backbone import Backbone
from pointlora.models.classifier import PointClassifier
from pointlora.models.method import TokenSequence


class TokenlessClassifier(PointClassifier):
    """Head on [maximum, mean] over the patches and what follows them."""

    def build_prefix(self) -> None:
        Backbone.build_prefix(self)

    def prefix(self, batch: int) -> tuple[Tensor, Tensor]:
        return Backbone.prefix(self, batch)

    def features(self, sequence: TokenSequence) -> list[Tensor]:
        tokens = sequence.tokens[:, sequence.first_patch :]
        return [maximum(tokens), tokens.mean(1)]
