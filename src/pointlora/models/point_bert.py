"""Point-BERT (Yu et al., "Point-BERT: pre-training 3D point cloud transformers with masked point modeling", CVPR 2022).

Differs from Point-MAE in a tokenizer of its own width with a linear layer behind it, a class token that is pre-trained,
and a head of two layers without normalisation.
"""

from __future__ import annotations

from torch import nn

from pointlora.models.classifier import PointClassifier
from pointlora.models.family import Family
from pointlora.models.heads import plain_head
from pointlora.models.layouts import REDUCED_FINE_TUNED, REDUCED_PARTS, Layout, encoder_rules
from pointlora.models.reduced_tokenizer import ReducedBackbone, ReducedSegmenter
from pointlora.models.sizes import Sizes


class PointBertClassifier(ReducedBackbone, PointClassifier):
    """Head on [class token, maximum over all other tokens]: 2C -> 256, ReLU, dropout, -> classes."""

    def build_head(self, width: int) -> nn.Module:
        return plain_head(width, self.num_classes)


def _pretrained(branch: str) -> Layout:
    """The file of one of the two momentum-coupled networks of pre-training; some codes keep the one, some the other.

    The network of ULIP-2, which PointLLM took over, stands under `point_encoder`, and takes colours (`channels=6`).
    """
    prefix = rf"{branch}\."
    return Layout(
        family="point_bert",
        stage="pre-trained",
        requires=(rf"{prefix}reduce_dim\.", rf"{prefix}encoder\.first_conv\.", rf"{prefix}blocks\.blocks\.0\."),
        forbids=(rf"{prefix}bin_cls_head\.",),
        rules=(
            (rf"{prefix}reduce_dim\.", "encoder.tokenizer.reduce."),
            *encoder_rules(f"{branch}.", "encoder."),
            # The heads of pre-training, and the whole discrete tokenizer, momentum network and queue beside it.
            (rf"{prefix}(cls_head|lm_head|cls_head_finetune)\.|{prefix}mask_token$", None),
            (rf"(?!{prefix})", None),
        ),
    )


FAMILIES = (
    Family(
        name="point_bert",
        description="Point-BERT, 22.1 M parameters, masked point modelling with a discrete tokenizer (CVPR 2022)",
        sizes=Sizes(num_groups=64, tokenizer_out=256),
        tasks={"classification": PointBertClassifier, "part_segmentation": ReducedSegmenter},
        layouts=(
            *(_pretrained(branch) for branch in ("transformer_q", "transformer_k", "point_encoder")),
            REDUCED_FINE_TUNED,
            REDUCED_PARTS,
        ),
    ),
)
