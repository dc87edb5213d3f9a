"""Point-FEMAE (Zha et al., "Towards compact 3D representations via point feature enhancement masked autoencoders", AAAI
2024).

There is no class token, and every block ends with a module that looks at each patch's neighbours. The file also serves
the plain network, without these modules.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.checks import check_integer
from pointlora.layers.batch_norm import RowBatchNorm
from pointlora.layers.drop_path import drop_path_rates
from pointlora.layers.edge_conv import SLOPE, EdgeConv
from pointlora.layers.linear import Linear
from pointlora.models.backbone import Backbone
from pointlora.models.family import Family
from pointlora.models.layouts import (
    KERNELS,
    PART_HEAD_KEYS,
    PART_HEAD_RULES,
    PLAIN_PARTS,
    Layout,
    encoder_rules,
    pretrained_layout,
)
from pointlora.models.method import TokenSequence, TokenSet
from pointlora.models.segmenter import PartSegmenter
from pointlora.models.sizes import Sizes
from pointlora.models.tokenless import TokenlessClassifier
from pointlora.models.transformer import Block
from pointlora.ops.neighbors import nearest_indices


class LocalModule(nn.Module):
    """An edge convolution over the neighbours of each patch, then a layer with BatchNorm; (B, G, C) to (B, G, C)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.edges = EdgeConv(dim, dim)
        self.last = Linear(dim, dim, bias=False)
        self.norm = RowBatchNorm(dim)

    def forward(self, patches: Tensor, neighbors: Tensor) -> Tensor:
        rows = self.last(self.edges(patches, neighbors).flatten(0, 1))
        return F.leaky_relu(self.norm(rows), SLOPE).view(patches.shape)


class FemaeBlock(Block):
    """A block, then x + local(norm(x)) for the patches; what else is in the sequence passes."""

    def __init__(self, dim: int, num_heads: int, drop_path: float = 0.0) -> None:
        super().__init__(dim, num_heads, drop_path)
        self.local_norm = nn.LayerNorm(dim)
        self.local = LocalModule(dim)

    def forward(self, tokens: Tensor, first: int, neighbors: Tensor) -> Tensor:  # type: ignore[override]
        """Tokens (B, T, C), of which those from `first` on are patches with neighbours (B, G, K)."""
        tokens = super().forward(tokens)
        end = first + neighbors.shape[1]
        patches = tokens[:, first:end]
        patches = patches + self.drop_path(self.local(self.local_norm(patches), neighbors))
        return patches if end - first == tokens.shape[1] else _put(tokens, first, patches)


def _put(tokens: Tensor, first: int, patches: Tensor) -> Tensor:
    return tokens.slice_scatter(patches.to(tokens.dtype), 1, first, first + patches.shape[1])


class PointFemae(Backbone):
    """The backbone with a local module in each block.

    Attributes:
        neighbors: how many of the nearest patches it looks at, the patch itself among them; all where there are fewer.
    """

    neighbors = 20

    def build_blocks(self) -> nn.ModuleList:
        sizes = self.sizes
        rates = drop_path_rates(sizes.drop_path_rate, sizes.depth)
        return nn.ModuleList(FemaeBlock(sizes.embed_dim, sizes.num_heads, rate) for rate in rates)

    def assemble(self, own: TokenSet) -> TokenSequence:
        nearest = nearest_indices(own.centers, own.centers, min(self.neighbors, own.centers.shape[1]))
        return super().assemble(own)._replace(neighbors=nearest)

    def call_block(self, block: nn.Module, sequence: TokenSequence) -> Tensor:
        tokens: Tensor = block(sequence.tokens, sequence.first_patch, sequence.neighbors)
        return tokens


class PlainFemaeClassifier(TokenlessClassifier):
    """Head on [mean, maximum] over the patches and what follows them."""

    pooling = ("mean", "max")


class PointFemaeClassifier(PointFemae, PlainFemaeClassifier):
    """The same head behind blocks with local modules.

    Args:
        sizes: see `Sizes`.
        num_classes: number of classes.
        neighbors: see `PointFemae`.
        readout: `head`, `levels` and `pooling`, see `Readout`.
    """

    def __init__(self, sizes: Sizes, num_classes: int, neighbors: int = 20, **readout: Any) -> None:
        super().__init__(sizes, num_classes, **readout)
        check_integer("neighbors", neighbors, 1)
        self.neighbors = neighbors


class PointFemaeSegmenter(PointFemae, PartSegmenter):
    """Point-MAE's part head behind blocks with local modules."""


_LOCAL = r"blocks\.blocks\.(\d+)\."
_LOCAL_NAMES = {
    r"cls\.conv1\.0\.": "local.edges.join.",
    r"cls\.conv1\.1\.": "local.edges.norm.",
    r"cls\.conv2\.0\.": "local.last.",
    r"cls\.conv2\.1\.": "local.norm.",
    r"cls_norm\.": "local_norm.",
}


def _local_rules(source: str, target: str) -> tuple[tuple[str, str | None], ...]:
    """Rules of the local modules. In the file each of their BatchNorms has two names; the later one counts."""
    names = ((source + _LOCAL + old, rf"{target}blocks.\1.{new}") for old, new in _LOCAL_NAMES.items())
    return (*names, (source + _LOCAL + r"cls\.bn\d\.", None))


_PREFIX = r"MAE_encoder\."
_PRETRAINED_KEYS = (_PREFIX + _LOCAL + r"cls_norm\.",)
PRETRAINED = pretrained_layout("point_femae", "MAE_encoder.", _PRETRAINED_KEYS, rules=_local_rules(_PREFIX, "encoder."))
PRETRAINED_PLAIN = pretrained_layout(
    "point_femae", "MAE_encoder.", _PRETRAINED_KEYS, rules=((_PREFIX + _LOCAL + r"(cls|cls_norm)\.", None),)
)

_ENCODER = (r"encoder\.first_conv\.", r"blocks\.blocks\.0\.norm1\.")
_RULES = (*_local_rules("", ""), *encoder_rules("", ""))
_HEAD = (r"cls_head_finetune\.1\.",)
_KEPT = (r"blocks\.blocks\.0\.cls\.",)
_KERNELS = (*KERNELS, (_LOCAL + r"cls\.conv1\.0\.weight$", 2), (_LOCAL + r"cls\.conv2\.0\.weight$", 1))
_TWICE = ((r"(blocks\.blocks\.\d+\.cls\.)conv(\d)\.1\.", r"\1bn\2."),)
FINE_TUNED = Layout(
    "point_femae", "fine-tuned", (*_ENCODER, *_KEPT, *_HEAD), rules=_RULES, kernels=_KERNELS, twice=_TWICE
)
PARTS = Layout(
    "point_femae",
    "fine-tuned",
    (*_ENCODER, *_KEPT, *PART_HEAD_KEYS),
    rules=(*_RULES, *PART_HEAD_RULES),
    task="part_segmentation",
    kernels=_KERNELS,
    twice=_TWICE,
)
FINE_TUNED_PLAIN = Layout(
    "point_femae_plain",
    "fine-tuned",
    (*_ENCODER, *_HEAD),
    forbids=(*_KEPT, r"blocks\.blocks\.0\.norm1_contrast\.", r"cls_pos$", r"reduce_dim\."),
    rules=encoder_rules("", ""),
)

FAMILIES = (
    Family(
        name="point_femae",
        description="Point-FEMAE, 27.4 M parameters, masked autoencoding with local modules (AAAI 2024)",
        sizes=Sizes(),
        tasks={"classification": PointFemaeClassifier, "part_segmentation": PointFemaeSegmenter},
        layouts=(PRETRAINED, FINE_TUNED, PARTS),
    ),
    Family(
        name="point_femae_plain",
        description="Point-FEMAE's weights in the plain network of 22.1 M parameters, without its local modules",
        sizes=Sizes(),
        tasks={"classification": PlainFemaeClassifier, "part_segmentation": PartSegmenter},
        layouts=(PRETRAINED_PLAIN, FINE_TUNED_PLAIN, PLAIN_PARTS),
    ),
)
