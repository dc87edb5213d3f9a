"""VPT-deep (Jia et al., "Visual prompt tuning", ECCV 2022): before every block prompts of its own, which that block's
attention sees and the next block's prompts replace.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pointlora.methods.settings.vpt_deep import VptDeepConfig
from pointlora.models.backbone import Backbone
from pointlora.models.method import Method, TokenSequence, TokenSet


class VptDeep(Method):
    """Its prompts stand right behind the prefix, have no positions, and aren't read by the head.

    Where a patch sees only those before it (PointGPT), all patches see the prompts and no prompt sees a patch.

    Args:
        config: see `VptDeepConfig`.
        model: the backbone.
    """

    config: VptDeepConfig

    def __init__(self, config: VptDeepConfig, model: Backbone) -> None:
        super().__init__(config, model)
        sizes = model.sizes
        shape = (config.prompts, sizes.embed_dim)
        self.block_prompts = nn.ParameterList(nn.Parameter(torch.empty(shape)) for _ in range(sizes.depth))
        # The paper's bound: Xavier's for a layer from the numbers of a patch to a token.
        bound = math.sqrt(6 / (3 * sizes.group_size + sizes.embed_dim))
        for prompts in self.block_prompts:
            nn.init.uniform_(prompts, -bound, bound)
        self.dropout = nn.Dropout(config.dropout)

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> TokenSequence:
        prompts = self.of_block(0, sequence)
        return sequence.with_prompts(prompts, torch.zeros_like(prompts))

    def before_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        if index == 0:
            return sequence
        parts = (sequence.prefix, self.of_block(index, sequence), sequence.patches, sequence.others)
        return sequence._replace(tokens=torch.cat(parts, 1))

    def of_block(self, index: int, sequence: TokenSequence) -> Tensor:
        """The prompts (B, P, C) of block `index` for a batch of clouds."""
        prompts = self.block_prompts[index].to(sequence.tokens.dtype).expand(len(sequence.tokens), -1, -1)
        dropped: Tensor = self.dropout(prompts)
        return dropped
