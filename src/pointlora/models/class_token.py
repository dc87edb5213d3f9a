"""A backbone with one learned token before its patches, as in ViT (Dosovitskiy et al., ICLR 2021)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointlora.layers.max_pool import maximum
from pointlora.models.backbone import Backbone
from pointlora.models.method import TokenSequence


class ClassTokenBackbone(Backbone):
    """A backbone with a class token, which has a position of its own, and a summary of a whole cloud."""

    def build_prefix(self) -> None:
        width = self.sizes.embed_dim
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.cls_position = nn.Parameter(torch.empty(1, 1, width))
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.cls_position, std=0.02)

    def prefix(self, batch: int) -> tuple[Tensor, Tensor]:
        return self.cls_token.expand(batch, -1, -1), self.cls_position.expand(batch, -1, -1)

    def pool(self, sequence: TokenSequence) -> Tensor:
        """What the head reads: [class token, maximum over the patches and what follows them], (B, 2C), or what a method
        makes of it.
        """
        return self.pooled(self.features(sequence), sequence)

    def features(self, sequence: TokenSequence) -> list[Tensor]:
        """Pooled features (B, ·) of a sequence that left the blocks, without a method's."""
        # The class token is the last of the prefix.
        return [sequence.prefix[:, -1], maximum(sequence.tokens[:, sequence.first_patch :])]
