"""Settings of PPT."""

from __future__ import annotations

from dataclasses import dataclass

from pointlora.methods.settings.base import MethodConfig, MethodSpec, Preset, check


@dataclass(frozen=True)
class PptConfig(MethodConfig):
    """PPT (Zhang et al., 2024, arXiv 2408.11567); the defaults equal its public release.

    Attributes:
        hidden: hidden width of its three MLPs, which all blocks share.
        tokenizer_batchnorm: `batch` or `frozen`, see `PointLoraConfig`.
    """

    hidden: int = 256
    tokenizer_batchnorm: str = "batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.hidden >= 1, "hidden", self.hidden, "a positive integer")


SPEC = MethodSpec(
    kind="ppt",
    settings=PptConfig,
    method="pointlora.methods.ppt:Ppt",
    presets={"ppt": Preset(PptConfig(), "PPT: the patches once more as prompts, three MLPs that all blocks share")},
    title="PPT",
    keys=r"blocks\.prompt_all_mlp\.|method\.beside\.",
)
