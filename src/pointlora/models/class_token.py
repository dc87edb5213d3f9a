"""A backbone with one learned token before its patches, as in ViT (Dosovitskiy et al., ICLR 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointlora.layers.max_pool import maximum
from pointlora.models.backbone import Backbone
from pointlora.models.method import TokenSequence


class ClassTokenBackbone(Backbone):
    """A backbone with a class token, which has a position of its own, and a summary of a whole cloud."""

    pooling: tuple[str, ...] = ("class_token", "max")

    def build_prefix(self) -> None:
        width = self.sizes.embed_dim
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.cls_position = nn.Parameter(torch.empty(1, 1, width))
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.cls_position, std=0.02)

    def prefix(self, batch: int) -> tuple[Tensor, Tensor]:
        return self.cls_token.expand(batch, -1, -1), self.cls_position.expand(batch, -1, -1)

    def pool(self, *sequences: TokenSequence) -> Tensor:
        """What the head reads of the levels, or what a method makes of it: by default [class token, maximum over the
        patches and what follows them] of the last block, (B, 2C).
        """
        features = [feature for sequence in sequences for feature in self.features(sequence)]
        return self.pooled(features, sequences[-1])

    def features(self, sequence: TokenSequence) -> list[Tensor]:
        """Pooled features (B, ·) of a sequence that left the blocks, without a method's."""
        return [self.pool_tokens(name, sequence) for name in self.pooling]

    def pool_tokens(self, name: str, sequence: TokenSequence) -> Tensor:
        """One of `POOLINGS`, (B, ·)."""
        if name == "class_token":
            return self.class_token(sequence)
        if name == "mean":
            return sequence.patches.mean(1)
        return maximum(sequence.tokens[:, sequence.first_patch :])

    def class_token(self, sequence: TokenSequence) -> Tensor:
        """(B, C), the last of the prefix."""
        return sequence.prefix[:, -1]
