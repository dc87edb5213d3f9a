"""MaskPoint (Liu et al., "Masked discrimination for self-supervised learning on point clouds", ECCV 2022).

The network is Point-BERT's, with one of two heads.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from pointlora.checks import check_choice
from pointlora.models.backbone import Backbone
from pointlora.models.classifier import PointClassifier
from pointlora.models.family import Family
from pointlora.models.heads import classification_head, plain_head
from pointlora.models.layouts import (
    REDUCED_FINE_TUNED,
    REDUCED_KEYS,
    REDUCED_PARTS,
    REDUCED_RULES,
    Layout,
    pretrained_layout,
)
from pointlora.models.reduced_tokenizer import ReducedBackbone, ReducedSegmenter
from pointlora.models.sizes import Sizes
from pointlora.models.tokenizer import Tokenizer

HEADS = ("1x", "2x")


class MaskPoint(ReducedBackbone):
    """The backbone: where the tokenizer has the width of the sequence, no linear layer stands behind it."""

    def build_tokenizer(self) -> Tokenizer:
        if self.sizes.tokenizer_out in (None, self.sizes.embed_dim):
            return Backbone.build_tokenizer(self)
        return super().build_tokenizer()


class MaskPointClassifier(MaskPoint, PointClassifier):
    """Head on [class token, maximum over all other tokens].

    Args:
        sizes: see `Sizes`.
        num_classes: number of classes.
        head_layers: of the published head: `2x`, 2C -> 512 -> 256 -> classes with BatchNorm (ScanObjectNN), or `1x`,
            2C -> 256 -> classes without (ModelNet40, few-shot).
        readout: `head`, `levels` and `pooling`, see `Readout`.
    """

    def __init__(self, sizes: Sizes, num_classes: int, head_layers: str = "2x", **readout: Any) -> None:
        check_choice("head_layers", head_layers, HEADS)
        self.head_layers = head_layers
        super().__init__(sizes, num_classes, **readout)

    def build_head(self, width: int) -> nn.Module:
        if self.head_layers == "1x":
            return plain_head(width, self.num_classes)
        return classification_head(width, self.num_classes, hidden=512)


class MaskPointSegmenter(MaskPoint, ReducedSegmenter):
    """Point-MAE's part head behind blocks that keep their class token."""


# The query network; its momentum copy is `transformer_k`. The heads are those of pre-training.
PRETRAINED = pretrained_layout(
    "maskpoint",
    "transformer_q.",
    requires=(r"transformer_q\.bin_cls_head\.", r"transformer_q\.cls_token$", r"transformer_q\.cls_pos$"),
    rules=(
        (r"transformer_q\.(decoder|cls_head|bin_cls_head)\.|transformer_q\.mask_token$", None),
        (r"transformer_q\.reduce_dim\.", "encoder.tokenizer.reduce."),
    ),
)
# A file with the smaller head may as well be Point-BERT's.
FINE_TUNED = Layout("maskpoint", "fine-tuned", (*REDUCED_KEYS, r"cls_head_finetune\.8\."), rules=REDUCED_RULES)

FAMILIES = (
    Family(
        name="maskpoint",
        description="MaskPoint, 22.4 M parameters, discrimination of masked points from noise (ECCV 2022)",
        sizes=Sizes(num_groups=64, tokenizer_out=256),
        tasks={"classification": MaskPointClassifier, "part_segmentation": MaskPointSegmenter},
        layouts=(PRETRAINED, FINE_TUNED, REDUCED_FINE_TUNED, REDUCED_PARTS),
    ),
)
