"""Uni3D (Zhou et al., "Uni3D: exploring unified 3D representation at scale", ICLR 2024): points with colours, seen by
blocks of an image model (EVA, Fang et al., 2023), whose class token becomes an embedding beside those of CLIP.

Colours are part of the network; where points have none, all are 0.4, as in pre-training.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pointlora.checks import check_integer
from pointlora.layers.linear import Linear
from pointlora.models.class_token import ClassTokenBackbone
from pointlora.models.classifier import PointClassifier
from pointlora.models.eva_blocks import EvaBackbone, EvaSizes
from pointlora.models.family import Family
from pointlora.models.layouts import Layout, encoder_rules
from pointlora.models.segmenter import PartSegmenter
from pointlora.models.transformer import initialize_weights


class Uni3dClassifier(EvaBackbone, PointClassifier):
    """Head on [class token, maximum over all other tokens]."""

    spare_parts = (r"projection\.", r"logit_scale$")


class Uni3dSegmenter(EvaBackbone, ClassTokenBackbone, PartSegmenter):
    """Point-MAE's part head behind blocks that keep their class token."""

    spare_parts = (r"projection\.", r"logit_scale$")


class Uni3dEmbedder(EvaBackbone, ClassTokenBackbone):
    """The published network: the class token's embedding in the space of CLIP.

    Args:
        sizes: see `EvaSizes`.
        embedding_dim: width of the embedding.

    Attributes:
        logit_scale: the logarithm of what similarities are multiplied by before a softmax.
    """

    task = "embedding"
    logit_scale: Tensor

    def __init__(self, sizes: EvaSizes, embedding_dim: int = 1024) -> None:
        super().__init__(sizes)
        check_integer("embedding_dim", embedding_dim, 1)
        self.build_prefix()
        self.projection = Linear(sizes.embed_dim, embedding_dim)
        self.projection.apply(initialize_weights)
        self.register_buffer("logit_scale", torch.tensor(math.log(1 / 0.07)))

    def embedding(self, points: Tensor) -> Tensor:
        """Embeddings (B, E) float32 of clouds (B, N, 3), or with colours in [0, 1] (B, N, 6); not normalised."""
        (sequence,) = self.encode(points)
        embedded: Tensor = self.projection(sequence.tokens[:, 0])
        return embedded.float()

    def forward(self, points: Tensor) -> Tensor:
        return self.embedding(points)


_BLOCK = r"point_encoder\.visual\.blocks\.(\d+)\."
PRETRAINED = Layout(
    family="uni3d",
    stage="pre-trained",
    requires=(r"point_encoder\.encoder2trans\.", _BLOCK + r"norm1\.", r"point_encoder\.encoder\.first_conv\."),
    rules=(
        (r"logit_scale$", "encoder.logit_scale"),
        (r"point_encoder\.encoder2trans\.", "encoder.tokenizer.reduce."),
        (r"point_encoder\.trans2embed\.", "encoder.projection."),
        (r"point_encoder\.visual\.fc_norm\.", "encoder.norm."),
        # What is one layer in some sizes is several in others.
        *(
            (_BLOCK + rf"attn\.{n}_proj\.weight$", rf"encoder.blocks.\1.attn.qkv.weight#{i}/3")
            for i, n in enumerate("qkv")
        ),
        *((_BLOCK + rf"attn\.{n}_proj\.bias$", rf"encoder.blocks.\1.attn.{n}_bias") for n in "qv"),
        *((_BLOCK + rf"mlp\.fc1_{n}\.(\w+)$", rf"encoder.blocks.\1.mlp.fc1.\2#{i}/2") for i, n in enumerate("gx")),
        (_BLOCK, r"encoder.blocks.\1."),
        # What the image model had before its blocks and behind them.
        (r"point_encoder\.visual\.(cls_token$|pos_embed$|patch_embed\.|head\.)", None),
        *encoder_rules("point_encoder.", "encoder."),
    ),
)


def _family(size: str, params: str, sizes: EvaSizes) -> Family:
    return Family(
        name=f"uni3d_{size}",
        description=f"Uni3D-{size}, {params} M parameters, points with colours beside CLIP (ICLR 2024)",
        sizes=sizes,
        tasks={
            "classification": Uni3dClassifier,
            "part_segmentation": Uni3dSegmenter,
            "embedding": Uni3dEmbedder,
        },
        layouts=(PRETRAINED,),
    )


def _sizes(embed_dim: int, depth: int, num_heads: int, mlp: str = "gated", mlp_ratio: float = 8 / 3) -> EvaSizes:
    return EvaSizes(embed_dim, depth, num_heads, 512, 64, tokenizer_out=512, mlp=mlp, mlp_ratio=mlp_ratio)


FAMILIES = (
    _family("tiny", "6.2", _sizes(192, 12, 3)),
    _family("small", "22.5", _sizes(384, 12, 6)),
    _family("base", "87.0", _sizes(768, 12, 12, "gated_norm")),
    _family("large", "305", _sizes(1024, 24, 16, "gated_norm")),
    _family("giant", "1,013", _sizes(1408, 40, 16, "gelu", 6144 / 1408)),
)
