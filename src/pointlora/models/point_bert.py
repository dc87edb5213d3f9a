"""Point-BERT (Yu et al., "Point-BERT: pre-training 3D point cloud transformers with masked point modeling", CVPR 2022).

Differs from Point-MAE in a tokenizer of its own width with a linear layer behind it, a class token that is pre-trained,
and a head of two layers without normalisation.
"""

from __future__ import annotations

from torch import Tensor, nn

from pointlora.layers.linear import Linear
from pointlora.models.backbone import Backbone
from pointlora.models.class_token import ClassTokenBackbone
from pointlora.models.classifier import PointClassifier
from pointlora.models.family import Family
from pointlora.models.layouts import PART_HEAD_KEYS, PART_HEAD_RULES, Layout, encoder_rules
from pointlora.models.segmenter import PartSegmenter
from pointlora.models.sizes import Sizes
from pointlora.models.tokenizer import Tokenizer


class ReducedTokenizer(Tokenizer):
    """A tokenizer of width `inner_dim`, and a linear layer from there to the width of the sequence."""

    def __init__(self, dims: tuple[int, ...], inner_dim: int, out_dim: int, num_features: int = 0) -> None:
        super().__init__(dims, inner_dim, num_features)
        self.reduce = Linear(inner_dim, out_dim)

    def finish(self, tokens: Tensor) -> Tensor:
        reduced: Tensor = self.reduce(tokens)
        return reduced


class PointBert(Backbone):
    """The backbone: a tokenizer that ends in a linear layer."""

    def build_tokenizer(self) -> Tokenizer:
        sizes = self.sizes
        inner_dim = sizes.tokenizer_out or sizes.embed_dim
        return ReducedTokenizer(sizes.tokenizer_dims, inner_dim, sizes.embed_dim, sizes.num_features)


class PointBertClassifier(PointBert, PointClassifier):
    """Head on [class token, maximum over all other tokens]: 2C -> 256, ReLU, dropout, -> classes."""

    def build_head(self, width: int) -> nn.Module:
        return nn.Sequential(Linear(width, 256), nn.ReLU(inplace=True), nn.Dropout(0.5), Linear(256, self.num_classes))


class PointBertSegmenter(PointBert, ClassTokenBackbone, PartSegmenter):
    """Point-MAE's part head behind Point-BERT's blocks, which keep their class token.

    Point-BERT's own code has another head there, of several levels of propagation.
    """


def _pretrained(branch: str) -> Layout:
    """The file of one of the two momentum-coupled networks of pre-training; some codes keep the one, some the other."""
    prefix = rf"{branch}\."
    return Layout(
        family="point_bert",
        stage="pre-trained",
        requires=(rf"{prefix}reduce_dim\.", rf"{prefix}encoder\.first_conv\.", rf"{prefix}blocks\.blocks\.0\."),
        rules=(
            (rf"{prefix}reduce_dim\.", "encoder.tokenizer.reduce."),
            *encoder_rules(f"{branch}.", "encoder."),
            # The heads of pre-training, and the whole discrete tokenizer, momentum network and queue beside it.
            (rf"{prefix}(cls_head|lm_head)\.|{prefix}mask_token$", None),
            (rf"(?!{prefix})", None),
        ),
    )


FINE_TUNED = Layout(
    family="point_bert",
    stage="fine-tuned",
    requires=(r"encoder\.first_conv\.", r"reduce_dim\.", r"blocks\.blocks\.0\.norm1\.", r"cls_head_finetune\.3\."),
    rules=((r"reduce_dim\.", "tokenizer.reduce."), *encoder_rules("", "")),
)

PARTS = Layout(
    family="point_bert",
    stage="fine-tuned",
    task="part_segmentation",
    requires=(r"encoder\.first_conv\.", r"reduce_dim\.", r"blocks\.blocks\.0\.norm1\.", *PART_HEAD_KEYS),
    rules=(*FINE_TUNED.rules, *PART_HEAD_RULES),
)

FAMILIES = (
    Family(
        name="point_bert",
        description="Point-BERT, 22.1 M parameters, masked point modelling with a discrete tokenizer (CVPR 2022)",
        sizes=Sizes(num_groups=64, tokenizer_out=256),
        tasks={"classification": PointBertClassifier, "part_segmentation": PointBertSegmenter},
        layouts=(_pretrained("transformer_q"), _pretrained("transformer_k"), FINE_TUNED, PARTS),
    ),
)
