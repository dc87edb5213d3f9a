"""Settings of PointLoRA and of its parts alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pointlora.errors import ConfigError
from pointlora.methods.settings.base import READOUTS, MethodConfig, MethodSpec, Preset, check, check_kind, check_names

MASK_LOSSES = ("release", "polarize", "none")
SCORERS = ("learned", "random")
PROMPTS = ("shared", "per_block", "none")
PROMPT_INITS = ("release", "zero")
LORA_INITS = ("kaiming", "pissa")
# A linear layer's input carries the tokens themselves in these two, so that shared prompts make sense there.
PROMPTED_LAYERS = ("attn.qkv", "attn.proj")


@dataclass(frozen=True)
class SelectionScale:
    """One scale of token selection.

    Attributes:
        num_groups: patches that are cut and scored.
        group_size: points per patch.
        keep: how many of them, the best scored, join the sequence.
        loss_weight: weight of this scale in the mask loss.
    """

    num_groups: int
    group_size: int
    keep: int
    loss_weight: float = 1.0

    def __post_init__(self) -> None:
        check_kind("loss_weight", self.loss_weight, "float")
        for name in ("num_groups", "group_size", "keep"):
            check_kind(name, getattr(self, name), "int")
            check(getattr(self, name) >= 1, name, getattr(self, name), "a positive integer")
        check(self.keep <= self.num_groups, "keep", self.keep, f"at most num_groups = {self.num_groups}")


@dataclass(frozen=True)
class PointLoraConfig(MethodConfig):
    """PointLoRA (Wang et al., CVPR 2025, arXiv 2504.16023); the defaults equal its public release.

    Attributes:
        rank: r of the low-rank updates; 0 for none.
        alpha: the update is scaled by alpha / r; None stands for alpha = r.
        rslora: scale by alpha / sqrt(r) instead (Kalajdzievski, 2023).
        dropout: on the input of the low-rank update, in training.
        upper_share: of the blocks, the last ones, that are adapted, in (0, 1]. Where nothing before them is trained, a
            step needs no backward pass there.
        targets: last names of the linear layers that are adapted: `qkv`, `proj`, `fc1`, `fc2`, …, or longer ends of
            their names, such as `attn.proj`; None stands for the projections of every attention of the model.
        scales: the scales of token selection, coarse or fine in any number; () for none. None stands for the
            release's two, in proportion to the backbone's own grouping G x K: all G x K patches, of which G / 4 are
            kept, and G / 2 patches of 2K points, of which G / 16 are kept (loss weight 0.25).
        scorer: `learned` scores tokens with a small network; `random` chooses without one, anew in each training step
            and always alike in evaluation, and has no mask loss (an ablation: what do the scores add?).
        straight_through: multiply a selected token by its score divided by itself, so that the task's gradient
            reaches the scorer; the forward values don't change.
        mask_loss: `release` minimises mean(p log p + (1-p) log(1-p)), which pulls scores to 0.5; `polarize` is its
            negative, which pushes them to 0 or 1; `none`.
        mask_loss_weight: its weight in the training loss.
        prompts: `shared` adds the four prompt MLPs that all blocks share; `per_block` gives each block four of its own
            (an ablation); `none`.
        prompt_dim: hidden width of the prompt MLPs.
        prompt_init: `release` draws their output layers from a truncated normal of 0.02; `zero` starts them at zero,
            so that step 0 equals the backbone.
        tokenizer_batchnorm: `batch` normalises with the batch's statistics in training and lets the running ones
            drift, as the release does; `frozen` always uses the pre-trained ones.
        train_embedding: train the tokenizer's first stage and the position embedding.
        readout: `published` leaves the head as it is; `levels` makes a linear head on maximum and mean of three levels,
            which starts as a probe, where the model doesn't say otherwise; `scales` has it read a second, coarser
            grouping of the cloud as well, without selected tokens and prompts; `paired` has it read the class token
            in place of the mean, where there is one, and keeps that as it is, and puts a network with one hidden layer
            beside it, which starts fitted too; for part segmentation it is `levels`.
        head_lr_factor: of the learning rate of the head and the class token.
        dora: DoRA (Liu et al., ICML 2024): what is adapted by the low-rank update is the direction of each row of a
            weight, whose length is trained beside it.
        lora_init: `kaiming` starts the low-rank update at zero; `pissa` (Meng et al., NeurIPS 2024) trains the part of
            each weight with its `rank` largest singular values instead, and the adapter's file holds the change as an
            update of twice the rank. Weight decay then pulls that part itself to zero: set it to 0, as its authors do.
        b_lr_factor: of the learning rate of B, the second factor of the low-rank update (LoRA+, Hayou et al., ICML
            2024, who advise 16).
    """

    rank: int = 8
    alpha: float | None = None
    rslora: bool = False
    dropout: float = 0.0
    upper_share: float = 1.0
    targets: tuple[str, ...] | None = None
    scales: tuple[SelectionScale, ...] | None = None
    scorer: str = "learned"
    straight_through: bool = False
    mask_loss: str = "release"
    mask_loss_weight: float = 0.004
    prompts: str = "shared"
    prompt_dim: int = 32
    prompt_init: str = "release"
    tokenizer_batchnorm: str = "batch"
    train_embedding: bool = True
    readout: str = "published"
    head_lr_factor: float = 1.0
    dora: bool = False
    lora_init: str = "kaiming"
    b_lr_factor: float = 1.0

    @property
    def head_init(self) -> str:
        return "random" if self.readout == "published" else "probe"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.targets is not None:
            object.__setattr__(self, "targets", check_names("targets", self.targets))
        if self.scales is not None:
            check(isinstance(self.scales, (list, tuple)), "scales", self.scales, "a list of scales")
            object.__setattr__(self, "scales", tuple(map(_as_scale, self.scales)))
        check(self.rank >= 0, "rank", self.rank, "0 or more")
        check(self.alpha is None or self.alpha > 0, "alpha", self.alpha, "positive")
        check(0 <= self.dropout < 1, "dropout", self.dropout, "in [0, 1)")
        check(0 < self.upper_share <= 1, "upper_share", self.upper_share, "in (0, 1]")
        check(self.prompt_dim >= 1, "prompt_dim", self.prompt_dim, "a positive integer")
        for name in ("head_lr_factor", "b_lr_factor"):
            check(getattr(self, name) > 0, name, getattr(self, name), "positive")
        check(self.mask_loss_weight >= 0, "mask_loss_weight", self.mask_loss_weight, "0 or more")
        for name, allowed in (
            ("scorer", SCORERS),
            ("mask_loss", MASK_LOSSES),
            ("prompts", PROMPTS),
            ("prompt_init", PROMPT_INITS),
            ("lora_init", LORA_INITS),
            ("readout", READOUTS),
        ):
            check(getattr(self, name) in allowed, name, getattr(self, name), f"one of {', '.join(allowed)}")
        check(not self.dora or self.lora_init == "kaiming", "lora_init", self.lora_init, "kaiming with dora")
        learned = self.scorer == "learned"
        check(learned or not self.straight_through, "straight_through", True, "false with a random scorer")

    @property
    def scaling(self) -> float:
        """Factor of the low-rank update."""
        alpha = self.rank if self.alpha is None else self.alpha
        return alpha / (self.rank**0.5 if self.rslora else self.rank) if self.rank else 0.0

    def adapted(self, depth: int) -> int:
        """How many of so many blocks are adapted, the last ones."""
        return max(round(depth * self.upper_share), 1)

    def scales_for(self, num_groups: int, group_size: int) -> tuple[SelectionScale, ...]:
        """The scales of selection for a backbone that cuts `num_groups` patches of `group_size` points."""
        if self.scales is not None:
            return self.scales
        half = max(num_groups // 2, 1)
        return (
            SelectionScale(num_groups, group_size, max(num_groups // 4, 1)),
            SelectionScale(half, 2 * group_size, max(half // 8, 1), 0.25),
        )


def _as_scale(value: Any) -> SelectionScale:
    if isinstance(value, SelectionScale):
        return value
    if isinstance(value, dict):
        try:
            return SelectionScale(**value)
        except TypeError as error:
            raise ConfigError(f"scale {value} must have num_groups, group_size, keep and maybe loss_weight") from error
    if isinstance(value, (list, tuple)) and len(value) in (3, 4):
        return SelectionScale(*value)
    raise ConfigError(f"scale {value!r} must be [num_groups, group_size, keep] with an optional loss weight")


_LORA = PointLoraConfig(scales=(), prompts="none", train_embedding=False, tokenizer_batchnorm="frozen")
SPEC = MethodSpec(
    kind="pointlora",
    settings=PointLoraConfig,
    method="pointlora.methods.pointlora:PointLora",
    presets={
        "pointlora": Preset(PointLoraConfig(), "PointLoRA as released: LoRA, token selection, shared prompts"),
        "pointlora-plus": Preset(
            PointLoraConfig(
                upper_share=0.5,
                scales=(),
                prompts="none",
                train_embedding=False,
                tokenizer_batchnorm="frozen",
                readout="paired",
            ),
            "LoRA, and a head on two scales that starts fitted, as probe and hidden layer: for few labels and for many",
        ),
        "lora": Preset(_LORA, "LoRA on qkv and proj, and the head"),
        "dora": Preset(replace(_LORA, dora=True), "DoRA on qkv and proj, and the head"),
        "lora-plus": Preset(
            replace(_LORA, b_lr_factor=16.0), "LoRA+: LoRA whose second factor learns 16 times as fast"
        ),
        "pissa": Preset(replace(_LORA, lora_init="pissa"), "LoRA of the largest singular values, and the head"),
        "token_selection": Preset(
            PointLoraConfig(rank=0, prompts="none", train_embedding=False), "selected tokens and the head, no LoRA"
        ),
    },
    title="PointLoRA",
    keys=r"lora_mask_predictor\.|method\.scorer\.|\.branches\.prompt\.",
)
