"""PCP-MAE (Zhang et al., "PCP-MAE: learning to predict centers for point masked autoencoders", NeurIPS 2024).

Differs from Point-MAE in the position embedding: a fixed sine code of the center comes before its layers.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from pointlora.errors import ConfigError
from pointlora.layers.linear import Linear
from pointlora.models.backbone import Backbone
from pointlora.models.classifier import PointClassifier
from pointlora.models.family import Family
from pointlora.models.layouts import COORDINATES, PLAIN_FINE_TUNED, PLAIN_PARTS, Layout, pretrained_layout
from pointlora.models.segmenter import PartSegmenter
from pointlora.models.sizes import Sizes


class SinePosition(nn.Sequential):
    """Centers (B, G, 3) to position embeddings (B, G, C): a sine code of C numbers, then C to C, GELU, C to C.

    Args:
        dim: width C, a multiple of 6.
    """

    frequencies: Tensor

    def __init__(self, dim: int) -> None:
        if dim % 6:
            raise ConfigError(
                f"embed_dim is {dim}, but it must be a multiple of 6 in pcp_mae: sines and cosines of xyz"
            )
        super().__init__(Linear(dim, dim), nn.GELU(), Linear(dim, dim))
        frequencies = 10000.0 ** -(torch.arange(dim // 6, dtype=torch.float64) / (dim // 6))
        self.register_buffer("frequencies", frequencies.float(), persistent=False)

    def forward(self, centers: Tensor) -> Tensor:
        angles = centers[..., None] * self.frequencies
        # [sin x | cos x | sin y | cos y | sin z | cos z], each of all frequencies.
        code = torch.stack([angles.sin(), angles.cos()], -2).flatten(-3)
        embedded: Tensor = super().forward(code)
        return embedded


class PcpMae(Backbone):
    """The backbone: Point-MAE's with another position embedding."""

    def build_position(self) -> nn.Module:
        return SinePosition(self.sizes.embed_dim)


class PcpMaeClassifier(PcpMae, PointClassifier):
    """Head on [class token, maximum over all other tokens]."""


class PcpMaeSegmenter(PcpMae, PartSegmenter):
    """Point-MAE's part head."""


# The decoder, the prediction of centers, and the tokens of what is masked.
PRETRAINED = pretrained_layout(
    "pcp_mae",
    "MAE_encoder.",
    requires=(r"MAE_encoder\.mask_pos_token$",),
    rules=((r"MAE_encoder\.mask_pos_token$", None),),
)


def _own(plain: Layout) -> Layout:
    """A fine-tuned file has Point-MAE's keys; its positions take in another number of channels."""
    return replace(plain, family="pcp_mae", takes=(), avoids=(COORDINATES,))


FAMILIES = (
    Family(
        name="pcp_mae",
        description="PCP-MAE, 22.3 M parameters, masked autoencoding that predicts centers (NeurIPS 2024)",
        sizes=Sizes(),
        tasks={"classification": PcpMaeClassifier, "part_segmentation": PcpMaeSegmenter},
        layouts=(PRETRAINED, _own(PLAIN_FINE_TUNED), _own(PLAIN_PARTS)),
    ),
)
