"""ReCon (Qi et al., "Contrast with reconstruct: contrastive 3D representation learning", ICML 2023).

Three global tokens (class, image, text) read the patches through a second, contrastive branch in every block. Several
papers load the weights into the plain network instead and drop that branch: that is `recon_plain`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.layers.drop_path import drop_path_rates
from pointlora.layers.linear import Linear
from pointlora.layers.max_pool import maximum
from pointlora.layers.mlp import Mlp
from pointlora.models.backbone import Backbone
from pointlora.models.classifier import PointClassifier
from pointlora.models.family import Family
from pointlora.models.layouts import (
    PART_HEAD_KEYS,
    PART_HEAD_RULES,
    PLAIN_FINE_TUNED,
    PLAIN_PARTS,
    Layout,
    encoder_rules,
)
from pointlora.models.method import TokenSequence
from pointlora.models.segmenter import PartSegmenter
from pointlora.models.sizes import Sizes
from pointlora.models.transformer import Block

GLOBAL_TOKENS = ("cls", "img", "text")


class CrossAttention(nn.Module):
    """Multi-head attention of queries (B, Q, C) to a context (B, T, C)."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q = Linear(dim, dim, bias=False)
        self.kv = Linear(dim, 2 * dim, bias=False)
        self.proj = Linear(dim, dim)

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        batch, _, width = tokens.shape
        heads = (self.num_heads, width // self.num_heads)
        queries = self.q(tokens).view(batch, -1, *heads).transpose(1, 2)
        keys, values = self.kv(context).view(batch, -1, 2, *heads).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(queries, keys, values)
        return self.proj(mixed.transpose(1, 2).reshape(tokens.shape))


class ReconBlock(Block):
    """Self-attention among the patches beside cross-attention from the global tokens to them, on (B, 3 + T, C).

    Both branches keep the normalised value, not their input, as the residual. The global tokens read the patches as
    they were before the patches' own attention.
    """

    def __init__(self, dim: int, num_heads: int, drop_path: float = 0.0) -> None:
        super().__init__(dim, num_heads, drop_path)
        self.norm1_contrast = nn.LayerNorm(dim)
        self.attn_contrast = CrossAttention(dim, num_heads)
        self.norm2_contrast = nn.LayerNorm(dim)
        self.mlp_contrast = Mlp(dim, 4 * dim)

    def forward(self, tokens: Tensor) -> Tensor:
        summary, patches = tokens[:, : len(GLOBAL_TOKENS)], tokens[:, len(GLOBAL_TOKENS) :]
        summary, patches = self.norm1_contrast(summary), self.norm1(patches)
        summary = summary + self.drop_path(self.attn_contrast(summary, patches))
        patches = patches + self.drop_path(self.attn(patches))
        summary, patches = self.norm2_contrast(summary), self.norm2(patches)
        summary = summary + self.drop_path(self.mlp_contrast(summary))
        patches = patches + self.drop_path(self.mlp(patches))
        return torch.cat([summary, patches], 1)


class Recon(Backbone):
    """The backbone with both branches and three global tokens."""

    attention_layers = ("qkv", "proj", "q", "kv")

    def build_blocks(self) -> nn.ModuleList:
        sizes = self.sizes
        rates = drop_path_rates(sizes.drop_path_rate, sizes.depth)
        return nn.ModuleList(ReconBlock(sizes.embed_dim, sizes.num_heads, rate) for rate in rates)

    def build_prefix(self) -> None:
        for kind in ("token", "position"):
            for token in GLOBAL_TOKENS:
                parameter = nn.Parameter(torch.empty(1, 1, self.sizes.embed_dim))
                setattr(self, f"{token}_{kind}", nn.init.trunc_normal_(parameter, std=0.02))

    def prefix(self, batch: int) -> tuple[Tensor, Tensor]:
        tokens = torch.cat([getattr(self, f"{token}_token") for token in GLOBAL_TOKENS], 1)
        positions = torch.cat([getattr(self, f"{token}_position") for token in GLOBAL_TOKENS], 1)
        return tokens.expand(batch, -1, -1), positions.expand(batch, -1, -1)


class ReconClassifier(Recon, PointClassifier):
    """Head on [class, image and text token, maximum over all other tokens]."""

    @property
    def class_token_width(self) -> int:
        return len(GLOBAL_TOKENS) * self.sizes.embed_dim

    def class_token(self, sequence: TokenSequence) -> Tensor:
        return sequence.prefix.flatten(1)


class ReconSegmenter(Recon, PartSegmenter):
    """The part head also sees the maximum over the three global tokens, of each level."""

    num_summaries = 3

    def summarize(self, patches: Tensor, prefix: Tensor) -> list[Tensor]:
        return [*super().summarize(patches, prefix), maximum(prefix)]


# The decoder, the projections to the teachers, and the teachers themselves.
_NOT_ENCODER = (r"(?!MAE_encoder\.)", None)
_BRANCH = r"blocks\.blocks\.\d+\.(norm1|norm2|attn|mlp)_contrast\."
_PRETRAINED_KEYS = (r"MAE_encoder\.encoder\.first_conv\.", r"MAE_encoder\.blocks\.blocks\.0\.norm1_contrast\.")

PRETRAINED = Layout(
    family="recon",
    stage="pre-trained",
    requires=_PRETRAINED_KEYS,
    rules=(*encoder_rules("MAE_encoder.", "encoder."), _NOT_ENCODER),
)

PRETRAINED_PLAIN = Layout(
    family="recon",
    stage="pre-trained",
    requires=_PRETRAINED_KEYS,
    rules=((r"MAE_encoder\." + _BRANCH, None), (r"MAE_encoder\.(img|text)_", None), *PRETRAINED.rules),
)

FINE_TUNED = Layout(
    family="recon",
    stage="fine-tuned",
    requires=(r"encoder\.first_conv\.", r"blocks\.blocks\.0\.norm1_contrast\.", r"cls_head_finetune\.1\."),
    rules=encoder_rules("", ""),
)

PARTS = Layout(
    family="recon",
    stage="fine-tuned",
    task="part_segmentation",
    requires=(r"encoder\.first_conv\.", r"blocks\.blocks\.0\.norm1_contrast\.", *PART_HEAD_KEYS),
    rules=(*encoder_rules("", ""), *PART_HEAD_RULES),
)

FAMILIES = (
    Family(
        name="recon",
        description="ReCon, 43.6 M parameters, contrast with reconstruction, both branches (ICML 2023)",
        sizes=Sizes(drop_path_rate=0.2),
        tasks={"classification": ReconClassifier, "part_segmentation": ReconSegmenter},
        layouts=(PRETRAINED, FINE_TUNED, PARTS),
    ),
    Family(
        name="recon_plain",
        description="ReCon's weights in the plain network of 22.1 M parameters, as several papers load them",
        sizes=Sizes(drop_path_rate=0.2),
        tasks={"classification": PointClassifier, "part_segmentation": PartSegmenter},
        layouts=(PRETRAINED_PLAIN, PLAIN_FINE_TUNED, PLAIN_PARTS),
    ),
)
