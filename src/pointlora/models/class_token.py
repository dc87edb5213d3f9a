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

    def pool(self, tokens: Tensor, sequence: TokenSequence) -> Tensor:
        """Tokens (B, T, C) to [class token, maximum over all tokens after the prefix], (B, 2C)."""
        return torch.cat([tokens[:, 0], maximum(tokens[:, sequence.num_prefix :])], -1)
