"""PointLoRA as the sum of its parts: LoRA, token selection, shared prompts (CVPR 2025, arXiv 2504.16023)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from pointlora.methods.branches import add_branch, find_linears
from pointlora.methods.lora import add_lora
from pointlora.methods.prompts import PromptBranch, PromptMlp, SharedPrompts
from pointlora.methods.selection import RandomScorer, TokenScorer, mask_loss, select_tokens
from pointlora.methods.settings import PROMPTED_LAYERS, PointLoraConfig
from pointlora.methods.tuned_parts import TunedMethod, train_only
from pointlora.models.backbone import Backbone
from pointlora.models.method import TokenSequence, TokenSet
from pointlora.models.sizes import Sizes
from pointlora.ops.grouping import Scale

# The release's names for its own parts, and ours.
_RELEASE_KEYS = (
    (r"blocks\.blocks\.(\d+)\.attn\.(qkv|proj)\.linear\.(weight|bias)$", r"blocks.\1.attn.\2.\3"),
    (r"blocks\.blocks\.(\d+)\.attn\.(qkv|proj)\.lora_([AB])$", r"blocks.\1.attn.\2.branches.lora.\3"),
    (r"blocks\.prompt_mlp\.(.*)$", r"method.prompts.patch.\1"),
    (r"blocks\.prompt_pos_mlp\.(.*)$", r"method.prompts.selected.\1"),
    (r"blocks\.prompt_(proj|qkv)_mlp\.(.*)$", r"method.prompts.layers.\1.\2"),
    (r"blocks\.blocks\.(\d+)\.attn\.(qkv|proj)\.weight$", r"blocks.\1.attn.\2.branches.prompt.gate"),
    (r"lora_mask_predictor\.(.*)$", r"method.scorer.\1"),
)
_RELEASE_MARK = r"blocks\.blocks\.0\.attn\.qkv\.linear\.weight$"


class PointLora(TunedMethod):
    """The parts of PointLoRA that act on the sequence; its LoRA branches hang on the backbone's own layers.

    Args:
        config: see `PointLoraConfig`.
        sizes: of the backbone.
        layers: last name -> output width of the linear layers that get a prompt.
    """

    def __init__(self, config: PointLoraConfig, sizes: Sizes, layers: dict[str, int]) -> None:
        super().__init__(config)
        self.selection = config.scales_for(sizes.num_groups, sizes.group_size)
        self.mask_loss, self.straight_through = config.mask_loss, config.straight_through
        if config.scorer == "random":
            self.mask_loss = "none"
        if self.selection:
            counts = [scale.num_groups for scale in self.selection]
            self.scorer = TokenScorer(sizes.embed_dim) if config.scorer == "learned" else RandomScorer(counts)
        # One set of prompts for all blocks, or one for each.
        sets = {"shared": 1, "per_block": sizes.depth, "none": 0}[config.prompts]
        zero = config.prompt_init == "zero"
        made = [SharedPrompts(sizes.embed_dim, config.prompt_dim, layers, zero) for _ in range(sets)]
        self.prompts = made[0] if config.prompts == "shared" else nn.ModuleList(made)
        self.has_prompts = bool(made)

    @property
    def scales(self) -> Sequence[Scale]:
        return [Scale(scale.num_groups, scale.group_size) for scale in self.selection]

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> tuple[TokenSequence, Tensor]:
        if not self.selection:
            return super().extend(sequence, scales)
        scores = [self.scorer(scale.tokens) for scale in scales]
        chosen = [
            select_tokens(scale, score, setting.keep, self.straight_through)
            for scale, score, setting in zip(scales, scores, self.selection, strict=True)
        ]
        extended = sequence._replace(
            tokens=torch.cat([sequence.tokens, *(scale.tokens for scale in chosen)], 1),
            positions=torch.cat([sequence.positions, *(scale.positions for scale in chosen)], 1),
            selected=tuple(scale.centers for scale in chosen),
        )
        return extended, mask_loss(scores, self.selection, self.mask_loss)

    def before_block(self, index: int, tokens: Tensor, sequence: TokenSequence) -> Tensor:
        return self.prompts_of(index)(tokens, sequence) if self.has_prompts else tokens

    def prompts_of(self, index: int) -> SharedPrompts:
        """The prompts of block `index`."""
        return cast(SharedPrompts, self.prompts[index] if isinstance(self.prompts, nn.ModuleList) else self.prompts)

    def without_gradient(self) -> Sequence[str]:
        """Patterns of its parameters that no loss reaches with these settings; training them would be in vain."""
        idle = [] if self.selection else [r"method\.prompts\.(\d+\.)?selected\."]
        return idle if self.straight_through or self.mask_loss != "none" else [*idle, r"method\.scorer\."]

    def checkpoint_keys(self, keys: Iterable[str]) -> dict[str, str]:
        keys = list(keys)
        # An adapted layer of the release has its weight under `.linear.weight`; `.weight` is then the gate.
        if not any(re.match(_RELEASE_MARK, key) for key in keys):
            return {}
        found = {}
        for key in keys:
            for pattern, replacement in _RELEASE_KEYS:
                match = re.match(pattern, key)
                if match:
                    found[key] = match.expand(replacement)
        return found


def apply_pointlora(model: Backbone, config: PointLoraConfig) -> None:
    """Put PointLoRA into a backbone, in place, and freeze everything that it doesn't train."""
    prompted = dict(find_linears(model, PROMPTED_LAYERS if config.prompts != "none" else ()))
    layers = {name.rsplit(".", 1)[-1]: layer.out_features for name, layer in prompted.items()}
    method = PointLora(config, model.sizes, layers)
    if config.rank:
        add_lora(model, config.targets or model.attention_layers, config.rank, config.scaling, config.dropout)
    for name in prompted:
        prompts = method.prompts_of(int(name.split(".")[1]))
        add_branch(model, name, "prompt", PromptBranch(cast(PromptMlp, prompts.layers[name.rsplit(".", 1)[-1]])))
    model.method = method
    parts = (*model.task_parts, r"method\.", r".*\.branches\.lora\.")
    train_only(model, (*parts, *model.embedding_parts) if config.train_embedding else parts, method.without_gradient())
