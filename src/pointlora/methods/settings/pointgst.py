"""Settings of PointGST."""

from __future__ import annotations

from dataclasses import dataclass

from pointlora.methods.settings.base import MethodConfig, MethodSpec, Preset, check


@dataclass(frozen=True)
class PointGstConfig(MethodConfig):
    """PointGST (Liang et al., TPAMI 2025, arXiv 2410.08114); the defaults equal its public release, but for the bases,
    see `pointlora.methods.pointgst`.

    Attributes:
        rank: hidden width of the adapters.
        local: patches of each local graph; the last one is smaller where it doesn't divide the number of patches.
        tokenizer_batchnorm: `batch` or `frozen`, see `PointLoraConfig`.
    """

    rank: int = 36
    local: int = 32
    tokenizer_batchnorm: str = "batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.rank >= 1, "rank", self.rank, "a positive integer")
        check(self.local >= 1, "local", self.local, "a positive integer")


SPEC = MethodSpec(
    kind="pointgst",
    settings=PointGstConfig,
    method="pointlora.methods.pointgst:PointGst",
    presets={"pointgst": Preset(PointGstConfig(), "PointGST: adapters in the Fourier basis of the patches' graph")},
    title="PointGST",
    keys=r"\.gft_adapter\.|method\.adapters\.\d+\.spectral\.",
)
