"""Settings of IDPT."""

from __future__ import annotations

from dataclasses import dataclass

from pointlora.methods.settings.base import MethodConfig, MethodSpec, Preset, check


@dataclass(frozen=True)
class IdptConfig(MethodConfig):
    """IDPT (Zha et al., ICCV 2023); the defaults equal its public release.

    Attributes:
        neighbors: patches that each patch is compared with, its nearest in feature space, itself included.
        tokenizer_batchnorm: `batch` or `frozen`, see `PointLoraConfig`.
    """

    neighbors: int = 20
    tokenizer_batchnorm: str = "batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        check(self.neighbors >= 1, "neighbors", self.neighbors, "a positive integer")


SPEC = MethodSpec(
    kind="idpt",
    settings=IdptConfig,
    method="pointlora.methods.idpt:Idpt",
    presets={"idpt": Preset(IdptConfig(), "IDPT: a prompt of its own for each cloud, before the last block")},
    title="IDPT",
    keys=r"blocks\.cls\.conv1\.|method\.dgcnn\.",
)
