"""A classifier without a class token: its head reads the maximum and the mean of all tokens."""

from __future__ import annotations

from torch import Tensor

from pointlora.errors import ConfigError
from pointlora.layers.max_pool import maximum
from pointlora.models.backbone import Backbone
from pointlora.models.classifier import PointClassifier
from pointlora.models.method import TokenSequence
from pointlora.models.readout import Readout


class TokenlessClassifier(PointClassifier):
    """Head on [maximum, mean] over the patches and what follows them."""

    pooling = ("max", "mean")

    def set_readout(self, defaults: Readout) -> None:
        super().set_readout(defaults)
        if "class_token" in self.pooling:
            raise ConfigError("model.pooling names class_token, but this model has none: use max and mean")

    def build_prefix(self) -> None:
        Backbone.build_prefix(self)

    def prefix(self, batch: int) -> tuple[Tensor, Tensor]:
        return Backbone.prefix(self, batch)

    def pool_tokens(self, name: str, sequence: TokenSequence) -> Tensor:
        tokens = sequence.tokens[:, sequence.first_patch :]
        return maximum(tokens) if name == "max" else tokens.mean(1)
