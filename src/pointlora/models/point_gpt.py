"""PointGPT (Chen et al., "PointGPT: auto-regressively generative pre-training from point clouds", NeurIPS 2023).

Patches stand in an order along the shape and see only what comes before them; a second, small network predicts each
patch from those before it, and its loss stays on while fine-tuning.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pointlora.layers.drop_path import drop_path_rates
from pointlora.models.class_token import ClassTokenBackbone
from pointlora.models.classifier import ClassifierOutput, PointClassifier
from pointlora.models.family import Family
from pointlora.models.gpt_blocks import GptBlock, PatchGenerator, SineCode, greedy_order, in_order, reorder
from pointlora.models.layouts import KERNELS, PART_HEAD_KEYS, PART_HEAD_RULES, Layout
from pointlora.models.method import TokenSequence, TokenSet
from pointlora.models.segmenter import PartSegmenter
from pointlora.models.sizes import Sizes
from pointlora.models.transformer import initialize_weights


class PointGpt(ClassTokenBackbone):
    """The backbone of the sequence [start, class, patches along the shape].

    Tokens that a method adds follow the patches: they see every patch, and no patch sees them.
    """

    causal = True

    def build_position(self) -> nn.Module:
        return SineCode(self.sizes.embed_dim)

    def build_blocks(self) -> nn.ModuleList:
        sizes = self.sizes
        rates = drop_path_rates(sizes.drop_path_rate, sizes.depth)
        return nn.ModuleList(GptBlock(sizes.embed_dim, sizes.num_heads, rate) for rate in rates)

    def build_prefix(self) -> None:
        super().build_prefix()
        self.sos_token = nn.Parameter(torch.randn(self.sizes.embed_dim))
        self.sos_position = nn.Parameter(torch.zeros(1, 1, self.sizes.embed_dim))

    def prefix(self, batch: int) -> tuple[Tensor, Tensor]:
        tokens = torch.cat([self.sos_token.expand(1, 1, -1), self.cls_token], 1)
        # The published network adds the two in this order, to [start, class]: the start token gets the class position.
        positions = torch.cat([self.cls_position, self.sos_position], 1)
        return tokens.expand(batch, -1, -1), positions.expand(batch, -1, -1)

    def arrange(self, own: TokenSet) -> TokenSet:
        return in_order(own, greedy_order(own.centers))


class PointGptClassifier(PointGpt, PointClassifier):
    """Head on [class token, maximum over patches and selected tokens].

    Args:
        sizes: see `Sizes`.
        num_classes: number of classes.
        generator_depth: blocks of the generator.
        readout: `head`, `levels` and `pooling`, see `Readout`.
    """

    generation_weight = 3.0
    task_parts = (*PointClassifier.task_parts, r"cls_norm\.")

    def __init__(self, sizes: Sizes, num_classes: int, generator_depth: int = 4, **readout: Any) -> None:
        super().__init__(sizes, num_classes, **readout)
        self.cls_norm = nn.LayerNorm(sizes.embed_dim)
        self.generator = PatchGenerator(sizes.embed_dim, sizes.num_heads, generator_depth, sizes.group_size)
        self.generator.apply(initialize_weights)

    def pool(self, *sequences: TokenSequence) -> Tensor:
        return super().pool(*(sequence._replace(tokens=self.cls_norm(sequence.tokens)) for sequence in sequences))

    def forward(self, points: Tensor, generate: bool | None = None) -> ClassifierOutput:
        """Classify clouds.

        Args:
            points: (B, N, 3), in a unit sphere as in training.
            generate: compute the generation loss; by default in training mode only.

        Raises:
            ShapeError: for a wrong shape, or clouds too small for the patches.
        """
        patches = self.group(points)
        own, *others = self.embed(patches)
        order = greedy_order(own.centers)
        # The last block's, from which patches are generated, whether the head reads it or not.
        wanted = sorted({*self.levels, len(self.blocks) - 1})
        sequences = self.encode_tokens(in_order(own, order), others, wanted)
        sequence = sequences[-1]
        levels = [each for number, each in enumerate(sequences) if wanted[number % len(wanted)] in self.levels]
        logits = self.head(self.read(points, levels)).float()
        loss = logits.new_zeros(())
        if self.training if generate is None else generate:
            before = torch.cat([sequence.tokens[:, :1], sequence.patches[:, :-1]], 1)  # each patch is predicted from it
            loss = self.generator.loss(before, reorder(patches[0], order))
        return ClassifierOutput(logits, sequence.auxiliary_loss.float(), loss, sequence.selected)


class PointGptSegmenter(PointGpt, PartSegmenter):
    """The part head behind PointGPT's blocks, without a generator: the published part segmenter has no such loss.

    In a published part segmentation file the norm of the levels is one of its own; from a pre-trained file it starts
    as the norm behind the last block.
    """

    spare_parts = (r"generator\.", r"cls_norm\.")


def _block_rules(prefix: str, target: str) -> tuple[tuple[str, str | None], ...]:
    """Rules of a stack of blocks with `nn.MultiheadAttention`, whose packed projection is a linear layer here."""
    names = {
        "ln_1.": "norm1.",
        "ln_2.": "norm2.",
        "attn.in_proj_": "attn.qkv.",
        "attn.out_proj.": "attn.proj.",
        "mlp.0.": "mlp.fc1.",
        "mlp.2.": "mlp.fc2.",
    }
    source = prefix.replace(".", r"\.") + r"layers\.(\d+)\."
    return tuple((source + old.replace(".", r"\."), rf"{target}\1.{new}") for old, new in names.items())


_IDLE = (
    *((f"norm.{kind}", f"blocks.ln_f.{kind}", value) for kind, value in (("weight", 1.0), ("bias", 0.0))),
    *((f"blocks.increase_dim.0.{kind}", f"generator_blocks.increase_dim.0.{kind}", 0.0) for kind in ("weight", "bias")),
    ("generator_blocks.sos", "blocks.sos", 0.0),
)


def _layout(stage: str, prefix: str, target: str) -> Layout:
    source = prefix.replace(".", r"\.")
    return Layout(
        family="point_gpt",
        stage=stage,
        requires=(
            rf"{source}encoder\.first_conv\.",
            rf"{source}blocks\.sos$",
            rf"{source}generator_blocks\.layers\.0\.ln_1\.",
        ),
        forbids=PART_HEAD_KEYS,
        rules=(
            (rf"{source}encoder\.(first_conv|second_conv)\.", rf"{target}tokenizer.\1."),
            *_block_rules(f"{prefix}blocks.", f"{target}blocks."),
            *_block_rules(f"{prefix}generator_blocks.", f"{target}generator.blocks."),
            (rf"{source}blocks\.sos$", f"{target}sos_token"),
            (rf"{source}blocks\.ln_f\.", f"{target}norm."),
            (rf"{source}blocks\.cls_norm\.", f"{target}cls_norm."),
            (rf"{source}blocks\.cls_head_finetune\.", f"{target}head."),
            (rf"{source}generator_blocks\.ln_f\.", f"{target}generator.norm."),
            (rf"{source}generator_blocks\.increase_dim\.0\.", f"{target}generator.rebuild."),
            (rf"{source}cls_token$", f"{target}cls_token"),
            (rf"{source}(cls|sos)_pos$", rf"{target}\1_position"),
            # Published networks hold these and never use them, see `_IDLE`.
            (rf"{source}(norm\.|blocks\.increase_dim\.|generator_blocks\.sos$)", None),
        ),
        kernels=(*KERNELS, (r"generator_blocks\.increase_dim\.0\.weight$", 1)),
        idle=_IDLE if stage == "fine-tuned" else (),
    )


_FINE_TUNED = _layout("fine-tuned", "", "")

# The levels have a norm of their own; the norm behind the blocks and the generator serve a loss that isn't used.
_PARTS = Layout(
    family="point_gpt",
    stage="fine-tuned",
    task="part_segmentation",
    requires=(*_FINE_TUNED.requires[:2], *PART_HEAD_KEYS),
    rules=(
        (r"blocks\.(ln_f|cls_norm)\.|generator_blocks\.", None),
        (r"norm\.", "norm."),
        *PART_HEAD_RULES,
        *_FINE_TUNED.rules,
    ),
)


def _family(size: str, params: str, sizes: Sizes) -> Family:
    return Family(
        name=f"point_gpt_{size.lower()}",
        description=f"PointGPT-{size}, {params} M parameters, autoregressive generation of patches (NeurIPS 2023)",
        sizes=sizes,
        tasks={"classification": PointGptClassifier, "part_segmentation": PointGptSegmenter},
        layouts=(_layout("pre-trained", "GPT_Transformer.", "encoder."), _FINE_TUNED, _PARTS),
    )


_LARGE_TOKENIZER = (256, 512, 1024, 2048)

FAMILIES = (
    _family("S", "29.2", Sizes(drop_path_rate=0.0)),
    _family("B", "120", Sizes(768, 12, 12, drop_path_rate=0.0, tokenizer_dims=_LARGE_TOKENIZER)),
    _family("L", "360", Sizes(1024, 24, 16, drop_path_rate=0.0, tokenizer_dims=_LARGE_TOKENIZER)),
)
