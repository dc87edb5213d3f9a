"""Point-JEPA (Saito et al., "Point-JEPA: a joint embedding predictive architecture for self-supervised learning on
point cloud", WACV 2025) and point2vec (Zeid et al., "Point2Vec for self-supervised representation learning on point
clouds", GCPR 2023): one network; the files differ in the names of the tokenizer and in what stands beside the encoder.

Differs from Point-MAE in biases, and in that there is no class token. The releases begin farthest point sampling at a
random point, in evaluation too; here it begins at the first.
"""

from __future__ import annotations

from torch import nn

from pointlora.layers.drop_path import drop_path_rates
from pointlora.models.backbone import Backbone
from pointlora.models.family import Family
from pointlora.models.heads import classification_head
from pointlora.models.layouts import LIGHTNING, Layout
from pointlora.models.segmenter import PartSegmenter
from pointlora.models.sizes import Sizes
from pointlora.models.tokenizer import Tokenizer
from pointlora.models.tokenless import TokenlessClassifier
from pointlora.models.transformer import Block


class PointJepa(Backbone):
    """The backbone: attention with biases, a tokenizer without those before a BatchNorm."""

    def build_tokenizer(self) -> Tokenizer:
        sizes = self.sizes
        return Tokenizer(
            sizes.tokenizer_dims, sizes.embed_dim, sizes.channels, bias=False, num_features=sizes.num_features
        )

    def build_blocks(self) -> nn.ModuleList:
        sizes = self.sizes
        rates = drop_path_rates(sizes.drop_path_rate, sizes.depth)
        return nn.ModuleList(Block(sizes.embed_dim, sizes.num_heads, rate, qkv_bias=True) for rate in rates)


class PointJepaClassifier(PointJepa, TokenlessClassifier):
    """Head on [maximum, mean] of the tokens: Point-MAE's without biases before its BatchNorms."""

    def build_head(self, width: int) -> nn.Module:
        return classification_head(width, self.num_classes, bias=False)


class PointJepaSegmenter(PointJepa, PartSegmenter):
    """Point-MAE's part head."""


def _family(name: str, description: str, embedding: str, beside: str) -> Family:
    """
    Args:
        name, description: see `Family`.
        embedding: where a file has the tokenizer's layers.
        beside: begin of the keys of what only serves pre-training.
    """

    def rules(encoder: str, target: str) -> tuple[tuple[str, str | None], ...]:
        return (
            (embedding + r"(first_conv|second_conv)\.", target + r"tokenizer.\1."),
            (r"positional_encoding\.", target + "position."),
            (encoder + r"(blocks|norm)\.", target + r"\1."),
            (r"cls_head\.", target + "head."),
        )

    tokenizer = embedding + r"first_conv\."
    pretrained = Layout(
        name,
        "pre-trained",
        requires=(tokenizer, r"student\.blocks\.0\.norm1\."),
        rules=(*rules(r"student\.", "encoder."), (rf"teacher\.|mask_token$|{beside}", None)),
    )
    fine_tuned = Layout(
        name,
        "fine-tuned",
        requires=(tokenizer, r"encoder\.blocks\.0\.norm1\.", r"cls_head\.8\."),
        rules=rules(r"encoder\.", ""),
        place=LIGHTNING,
    )
    return Family(
        name=name,
        description=description,
        sizes=Sizes(),
        tasks={"classification": PointJepaClassifier, "part_segmentation": PointJepaSegmenter},
        layouts=(pretrained, fine_tuned),
    )


FAMILIES = (
    _family(
        "point_jepa",
        "Point-JEPA, 22.1 M parameters, prediction of embeddings of hidden blocks (WACV 2025)",
        r"tokenizer\.embedding\.encoder\.",
        r"predictor\.",
    ),
    _family(
        "point2vec",
        "point2vec, 22.1 M parameters, prediction of a teacher's features (GCPR 2023)",
        r"tokenizer\.embedding\.",
        r"(decoder|regressor)\.",
    ),
)
