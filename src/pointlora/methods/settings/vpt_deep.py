"""Settings of VPT-deep."""

from __future__ import annotations

from dataclasses import dataclass

from pointlora.methods.settings.base import MethodConfig, MethodSpec, Preset, check


@dataclass(frozen=True)
class VptDeepConfig(MethodConfig):
    """VPT-deep (Jia et al., ECCV 2022).

    Attributes:
        prompts: before each block; the paper tries 1 to 200.
        dropout: on the prompts, in training.
        tokenizer_batchnorm: `batch` or `frozen`, see `PointLoraConfig`.
    """

    prompts: int = 10
    dropout: float = 0.0
    tokenizer_batchnorm: str = "frozen"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.prompts >= 1, "prompts", self.prompts, "a positive integer")
        check(0 <= self.dropout < 1, "dropout", self.dropout, "in [0, 1)")


SPEC = MethodSpec(
    kind="vpt_deep",
    settings=VptDeepConfig,
    method="pointlora.methods.vpt_deep:VptDeep",
    presets={"vpt_deep": Preset(VptDeepConfig(), "VPT-deep: prompts of its own before every block, and the head")},
    title="VPT-deep",
    keys=r"method\.block_prompts\.",
)
