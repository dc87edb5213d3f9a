"""Settings of DAPT."""

from __future__ import annotations

from dataclasses import dataclass

from pointlora.methods.settings.base import MethodConfig, MethodSpec, Preset, check


@dataclass(frozen=True)
class DaptConfig(MethodConfig):
    """DAPT (Zhou et al., CVPR 2024); the defaults equal its public release.

    Attributes:
        rank: hidden width of the adapters.
        dropout: on their hidden layer, in training.
        tokenizer_batchnorm: `batch` or `frozen`, see `PointLoraConfig`.
    """

    rank: int = 64
    dropout: float = 0.2
    tokenizer_batchnorm: str = "batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.rank >= 1, "rank", self.rank, "a positive integer")
        check(0 <= self.dropout < 1, "dropout", self.dropout, "in [0, 1)")


SPEC = MethodSpec(
    kind="dapt",
    settings=DaptConfig,
    method="pointlora.methods.dapt:Dapt",
    presets={"dapt": Preset(DaptConfig(), "DAPT: adapters whose outputs are prompts too, scale and shift")},
    title="DAPT",
    keys=r"Adapter_MLP\.|\.branches\.adapter\.",
)
