"""PointLoRA as the sum of its parts: LoRA, token selection, shared prompts (CVPR 2025, arXiv 2504.16023)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, cast

from torch import nn

from pointlora.errors import PointLoraWarning
from pointlora.methods.branches import BranchedLinear, add_branch, find_linears
from pointlora.methods.dora import DoraBranch
from pointlora.methods.lora import LoraBranch, add_lora
from pointlora.methods.pissa import PissaBranch
from pointlora.methods.prompts import PromptBranch, PromptMlp, SharedPrompts
from pointlora.methods.selection import RandomScorer, TokenScorer, mask_loss, select_tokens
from pointlora.methods.settings.pointlora import PROMPTED_LAYERS, PointLoraConfig
from pointlora.models.backbone import Backbone
from pointlora.models.method import Method, ParameterGroup, TokenSequence, TokenSet, rename_keys
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


class PointLora(Method):
    """The parts of PointLoRA that act on the sequence; its LoRA branches hang on the backbone's own layers.

    Args:
        config: see `PointLoraConfig`.
        model: the backbone.
    """

    config: PointLoraConfig

    def __init__(self, config: PointLoraConfig, model: Backbone) -> None:
        super().__init__(config, model)
        sizes = model.sizes
        self.loss_weight = config.mask_loss_weight
        self.selection = config.scales_for(sizes.num_groups, sizes.group_size)
        self.mask_loss, self.straight_through = config.mask_loss, config.straight_through
        if config.scorer == "random":
            self.mask_loss = "none"
        if self.selection:
            counts = [scale.num_groups for scale in self.selection]
            self.scorer = TokenScorer(sizes.embed_dim) if config.scorer == "learned" else RandomScorer(counts)
        # One set of prompts for all blocks, or one for each.
        sets = {"shared": 1, "per_block": sizes.depth, "none": 0}[config.prompts]
        self.has_prompts, zero = sets > 0, config.prompt_init == "zero"
        widths = {name.rsplit(".", 1)[-1]: layer.out_features for name, layer in self._prompted(model).items()}
        made = [SharedPrompts(sizes.embed_dim, config.prompt_dim, widths, zero) for _ in range(sets)]
        self.prompts = made[0] if config.prompts == "shared" else nn.ModuleList(made)
        self._freeze_what_no_loss_reaches(made)
        if not (config.rank or self.selection or self.has_prompts or config.train_embedding):
            message = "rank is 0 without selected tokens and prompts: only the head is trained, as by head_only"
            warnings.warn(message, PointLoraWarning, stacklevel=2)

    def _prompted(self, model: Backbone) -> dict[str, nn.Linear]:
        """The linear layers that get a prompt, by their names."""
        return dict(find_linears(model, PROMPTED_LAYERS)) if self.has_prompts else {}

    def _freeze_what_no_loss_reaches(self, prompts: Sequence[SharedPrompts]) -> None:
        """Parameters that would be trained in vain with these settings."""
        if self.selection and not self.straight_through and self.mask_loss == "none":
            self.scorer.requires_grad_(False)
        for each in () if self.selection else prompts:
            each.selected.requires_grad_(False)

    def attach(self, model: Backbone) -> None:
        config, prompted = self.config, self._prompted(model)
        model.take_readout(config.readout)
        if config.rank:
            depth, targets = len(model.blocks), config.targets or model.attention_layers
            kind = DoraBranch if config.dora else PissaBranch if config.lora_init == "pissa" else LoraBranch
            add_lora(model, targets, config.rank, config.scaling, config.dropout, depth - config.adapted(depth), kind)
        for name in prompted:
            mlp = self.prompts_of(int(name.split(".")[1])).layers[name.rsplit(".", 1)[-1]]
            add_branch(model, name, "prompt", PromptBranch(cast(PromptMlp, mlp)))

    def parameter_groups(self, model: Backbone) -> list[ParameterGroup]:
        head = ParameterGroup(self._task_parameters(model), self.config.head_lr_factor)
        seconds = {id(module.B) for module in model.modules() if isinstance(module, LoraBranch)}
        added = model.added_parameters()
        groups = [
            head,
            ParameterGroup([each for each in added if id(each) not in seconds]),
            ParameterGroup([each for each in added if id(each) in seconds], self.config.b_lr_factor),
        ]
        return [*groups, ParameterGroup(model.embedding_parameters())] if self.config.train_embedding else groups

    def _task_parameters(self, model: Backbone) -> list[nn.Parameter]:
        """Without the class token where the head doesn't read it, or was fitted to what it gathers: its gradient would
        need all blocks.
        """
        parameters, readout = model.task_parameters(), self.config.readout
        read = "class_token" in getattr(model, "pooling", ())
        if readout in ("published", "levels") or (readout == "scales" and read):
            return parameters
        unread = [getattr(model, name, None) for name in ("cls_token", "cls_position")]
        return [parameter for parameter in parameters if not any(parameter is token for token in unread)]

    @property
    def changes_sequence(self) -> bool:
        return bool(self.selection) or self.has_prompts

    @property
    def scales(self) -> Sequence[Scale]:
        return [Scale(scale.num_groups, scale.group_size) for scale in self.selection]

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> TokenSequence:
        if not self.selection:
            return sequence
        scores = [self.scorer(scale.tokens) for scale in scales]
        chosen = [
            select_tokens(scale, score, setting.keep, self.straight_through)
            for scale, score, setting in zip(scales, scores, self.selection, strict=True)
        ]
        extended = sequence.with_others([scale.tokens for scale in chosen], [scale.positions for scale in chosen])
        loss = mask_loss(scores, self.selection, self.mask_loss)
        return extended._replace(selected=tuple(scale.centers for scale in chosen), auxiliary_loss=loss)

    def before_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        return sequence._replace(tokens=self.prompts_of(index)(sequence)) if self.has_prompts else sequence

    def prompts_of(self, index: int) -> SharedPrompts:
        """The prompts of block `index`."""
        return cast(SharedPrompts, self.prompts[index] if isinstance(self.prompts, nn.ModuleList) else self.prompts)

    def checkpoint_keys(self, keys: Iterable[str]) -> dict[str, str | None]:
        keys = list(keys)
        # An adapted layer of the release has its weight under `.linear.weight`; `.weight` is then the gate.
        if not any(re.match(_RELEASE_MARK, key) for key in keys):
            return {}
        return rename_keys(keys, _RELEASE_KEYS)

    def adapter_fields(self, model: Backbone) -> dict[str, Any]:
        """What stock peft needs to read the LoRA part."""
        config = self.config
        if not config.rank:
            return {}
        rank, alpha = config.rank, config.rank if config.alpha is None else config.alpha
        if config.lora_init == "pissa":  # see `pointlora.adapters.state.to_file`
            rank = 2 * config.rank
            alpha = config.scaling * (rank**0.5 if config.rslora else rank)
        targets = [n for n, m in model.named_modules() if isinstance(m, BranchedLinear) and "lora" in m.branches]
        return {
            "peft_type": "LORA",
            "task_type": None,
            "inference_mode": True,
            "r": rank,
            "lora_alpha": alpha,
            "lora_dropout": config.dropout,
            "use_rslora": config.rslora,
            "use_dora": config.dora,
            "bias": "none",
            "target_modules": targets,
        }
