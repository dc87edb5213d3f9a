"""Point-MAE (Pang et al., "Masked autoencoders for point cloud self-supervised learning", ECCV 2022)."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from pointlora.models.classifier import PointClassifier
from pointlora.models.family import Family
from pointlora.models.layouts import PLAIN_FINE_TUNED, PLAIN_PARTS, Layout, encoder_rules
from pointlora.models.segmenter import PartSegmenter
from pointlora.models.sizes import Sizes
from pointlora.models.two_views import build_autoencoder

# The pre-trained file has no class token: it starts at random and belongs to what is trained.
PRETRAINED = Layout(
    family="point_mae",
    stage="pre-trained",
    requires=(r"MAE_encoder\.encoder\.first_conv\.", r"MAE_encoder\.blocks\.blocks\.0\.norm1\."),
    forbids=(
        r"MAE_encoder\.blocks\.blocks\.\d+\.(norm1_contrast|cls_norm)\.",
        r"MAE_encoder\.(cls_token|mask_pos_token)$",
    ),
    rules=(
        *encoder_rules("MAE_encoder.", "encoder."),
        (r"MAE_decoder\.", "decoder."),
        (r"decoder_pos_embed\.", "decoder_position."),
        (r"increase_dim\.0\.", "rebuild."),
        (r"mask_token$", "mask_token"),
    ),
)

_TASKS: dict[str, Callable[..., nn.Module]] = {
    "classification": PointClassifier,
    "part_segmentation": PartSegmenter,
    "pretraining": build_autoencoder,
}

FAMILIES = (
    Family(
        name="point_mae",
        description="Point-MAE, 22.1 M parameters, masked autoencoding (ECCV 2022)",
        sizes=Sizes(),
        tasks=_TASKS,
        layouts=(PRETRAINED, PLAIN_FINE_TUNED, PLAIN_PARTS),
    ),
    Family(
        name="point_mae_tiny",
        description="Point-MAE at 192 x 6 with a narrow tokenizer, for CPUs",
        sizes=Sizes(embed_dim=192, depth=6, num_heads=3, num_groups=64, group_size=32, tokenizer_dims=(32, 64, 128)),
        tasks=_TASKS,
        layouts=(PRETRAINED, PLAIN_FINE_TUNED, PLAIN_PARTS),
    ),
)
