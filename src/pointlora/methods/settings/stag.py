"""Settings of STAG."""

from __future__ import annotations

from dataclasses import dataclass

from pointlora.methods.settings.base import MethodConfig, MethodSpec, Preset, check

SIZES = ("std", "sl")


@dataclass(frozen=True)
class StagConfig(MethodConfig):
    """STAG, a side network of graph convolutions; the defaults equal its public release in a net of 12 blocks.

    Attributes:
        size: `std` adapts the upper half of the blocks, all with the same weights; `sl` the upper three quarters, each
            quarter of the blocks with weights of its own.
        upper_share: of the blocks, the last ones, that are adapted, in (0, 1]; None stands for that of `size`. Below
            them nothing is kept for the backward.
        width: of the side network.
        neighbors: patches that each patch is compared with, the nearest centers, itself included; all where there are
            fewer.
        tokenizer_batchnorm: `batch` or `frozen`, see `PointLoraConfig`.
    """

    size: str = "std"
    upper_share: float | None = None
    width: int = 192
    neighbors: int = 8
    tokenizer_batchnorm: str = "batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.size in SIZES, "size", self.size, f"one of {', '.join(SIZES)}")
        check(self.upper_share is None or 0 < self.upper_share <= 1, "upper_share", self.upper_share, "in (0, 1]")
        check(self.width >= 1, "width", self.width, "a positive integer")
        check(self.neighbors >= 1, "neighbors", self.neighbors, "a positive integer")

    def first_adapted(self, depth: int) -> int:
        """Index of the first block of so many that is adapted."""
        share = {"std": 0.5, "sl": 0.75}[self.size] if self.upper_share is None else self.upper_share
        return depth - max(round(depth * share), 1)

    def sharing(self, depth: int) -> int:
        """How many adjacent blocks of so many share their weights."""
        return depth if self.size == "std" else max(depth // 4, 1)


SPEC = MethodSpec(
    kind="stag",
    settings=StagConfig,
    method="pointlora.methods.stag:Stag",
    presets={
        "stag": Preset(StagConfig(), "STAG-std: a graph network beside the upper half of the blocks"),
        "stag-sl": Preset(StagConfig(size="sl"), "STAG-sl: the same beside the upper three quarters, less shared"),
    },
    title="STAG",
    keys=r"blocks\.addparam_downproj_dict\.|method\.graphs\.",
)
