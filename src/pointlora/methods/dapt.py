"""DAPT (Zhou et al., "Dynamic adapter meets prompt tuning: parameter-efficient transfer learning for point cloud
analysis", CVPR 2024).

An adapter beside each block's MLP, weighted for each token; what it adds becomes, averaged, a prompt for the blocks
that follow; a scale and a shift behind every frozen layer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.layers.linear import Linear, linear_gelu
from pointlora.methods.branches import Branch, Scale, add_branch
from pointlora.methods.settings.dapt import DaptConfig
from pointlora.models.backbone import Backbone
from pointlora.models.method import Method, TokenSequence, TokenSet, rename_keys

# Layers of a block that get a scale and a shift, and the release's names of the parts that hold them, with its numbers.
_SCALED = {
    "norm1": ("", 1),
    "norm2": ("", 2),
    "attn.qkv": (r"attn\.", 1),
    "attn.proj": (r"attn\.", 2),
    "mlp.fc1": (r"mlp\.", 1),
    "mlp.fc2": (r"mlp\.", 2),
}
_ADAPTER = r"blocks\.blocks\.(\d+)\.Adapter_MLP\."
_RELEASE_KEYS: tuple[tuple[str, str | None], ...] = (
    (r"tfts_(gamma|beta)_1$", r"method.patches.\1"),
    (r"tfts_(gamma|beta)_2$", r"norm.branches.scale.\1"),
    (r"blocks\.blocks\.(\d+)\.tfts_(gamma|beta)_3$", r"method.prompts.\1.\2"),
    *(
        (rf"blocks\.blocks\.(\d+)\.{part}tfts_(gamma|beta)_{number}$", rf"blocks.\1.{layer}.branches.scale.\2")
        for layer, (part, number) in _SCALED.items()
    ),
    (_ADAPTER + r"adapter_layer_norm_before\.(.*)$", r"blocks.\1.mlp.branches.adapter.norm.\2"),
    (_ADAPTER + r"scale\.(.*)$", r"blocks.\1.mlp.branches.adapter.weight.\2"),
    (_ADAPTER + r"(down|up)_proj\.(.*)$", r"blocks.\1.mlp.branches.adapter.\2.\3"),
)


class Adapter(Branch):
    """y + up(GELU(down(v))) * ReLU(w v + b) with v = LayerNorm(x), and what it adds is told; it starts at zero.

    Args:
        dim: width C.
        rank: hidden width.
        dropout: on the hidden layer.
    """

    def __init__(self, dim: int, rank: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.weight = nn.Linear(dim, 1)
        self.down, self.up = Linear(dim, rank), Linear(rank, dim)
        self.dropout = nn.Dropout(dropout)
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        for parameter in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        normalized = self.norm(x)
        hidden = self.dropout(linear_gelu(normalized, self.down))
        added = self.up(hidden) * F.relu(self.weight(normalized))
        self.tell(added)
        return y + added


class Dapt(Method):
    """Its prompts stand right behind the prefix, the newest first; positions are added once, before the first block.

    In part segmentation their mean is one more part of the cloud's summary.

    Args:
        config: see `DaptConfig`.
        model: the backbone.
    """

    config: DaptConfig

    def __init__(self, config: DaptConfig, model: Backbone) -> None:
        super().__init__(config, model)
        model.check_not_causal("dapt", "tokens of all patches")
        sizes = model.sizes
        self.patches = Scale(sizes.embed_dim)
        self.prompts = nn.ModuleList(Scale(sizes.embed_dim) for _ in range(sizes.depth))
        # The model owns the adapters, as branches; here they are only referred to.
        self._adapters = tuple(Adapter(sizes.embed_dim, config.rank, config.dropout) for _ in range(sizes.depth))

    def attach(self, model: Backbone) -> None:
        width = model.sizes.embed_dim
        for index, adapter in enumerate(self._adapters):
            for layer in _SCALED:
                name = f"blocks.{index}.{layer}"
                add_branch(model, name, "scale", Scale(getattr(model.get_submodule(name), "out_features", width)))
            add_branch(model, f"blocks.{index}.mlp", "adapter", adapter)
        add_branch(model, "norm", "scale", Scale(width))
        model.make_head(more=width)

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> TokenSequence:
        tokens = torch.cat([sequence.prefix, self.patches.scaled(sequence.patches)], 1) + sequence.positions
        return sequence._replace(tokens=tokens, positions=tokens.new_zeros(1, 1, 1))

    def before_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        self._adapters[index].listen()
        return sequence

    def after_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        added = F.gelu(self._adapters[index].heard()).mean(1, keepdim=True)
        return sequence.with_prompts(cast(Scale, self.prompts[index]).scaled(added))

    def pool(self, features: Sequence[Tensor], sequence: TokenSequence) -> Sequence[Tensor]:
        first, *rest = features
        return [first, sequence.prompts.mean(1), *rest]

    def checkpoint_keys(self, keys: Iterable[str]) -> dict[str, str | None]:
        return rename_keys(keys, _RELEASE_KEYS)
