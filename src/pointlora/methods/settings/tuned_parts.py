"""Settings of the methods that add nothing: full fine-tuning, from scratch too, head only, BitFit."""

from __future__ import annotations

from dataclasses import dataclass

from pointlora.methods.settings.base import READOUTS, MethodConfig, MethodSpec, Preset, check, check_names

PARTS = ("all", "head", "biases", "probe")


@dataclass(frozen=True)
class TunedPartsConfig(MethodConfig):
    """A method that adds nothing and trains a part of the network.

    Attributes:
        parts: `all`, `head`, `biases` (BitFit, Ben Zaken et al., ACL 2022: biases and the head) or `probe`: a head that
            is fitted and not trained further. With the others the class token and its position are always trained: some
            pre-trained files don't have them.
        tokenizer_batchnorm: see `PointLoraConfig`.
        also: patterns of names of more parameters to train, matched from their beginning.
        readout: see `PointLoraConfig`; but for `probe` the class token is trained in any case.
        pretrained: false trains from scratch: such a run has no checkpoint, and must train all parts.
    """

    parts: str = "all"
    tokenizer_batchnorm: str = "batch"
    also: tuple[str, ...] = ()
    pretrained: bool = True
    readout: str = "published"

    @property
    def head_init(self) -> str:
        return "random" if self.readout == "published" else "probe"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "also", check_names("also", self.also))
        check(self.parts in PARTS, "parts", self.parts, f"one of {', '.join(PARTS)}")
        check(self.readout in READOUTS, "readout", self.readout, f"one of {', '.join(READOUTS)}")
        if self.parts == "probe":
            check(self.readout != "published", "readout", self.readout, "levels, scales or paired for a probe")
            check(self.tokenizer_batchnorm == "frozen", "tokenizer_batchnorm", self.tokenizer_batchnorm, "frozen")
        if not self.pretrained:
            check(self.parts == "all", "parts", self.parts, "all without pre-trained weights")
            batch = self.tokenizer_batchnorm == "batch"
            check(batch, "tokenizer_batchnorm", self.tokenizer_batchnorm, "batch without pre-trained weights")


SPEC = MethodSpec(
    kind="tuned_parts",
    settings=TunedPartsConfig,
    method="pointlora.methods.tuned_parts:TunedParts",
    presets={
        "full": Preset(TunedPartsConfig("all"), "every parameter"),
        "scratch": Preset(TunedPartsConfig("all", pretrained=False), "every parameter, from random weights"),
        "probe": Preset(
            TunedPartsConfig("probe", "frozen", readout="scales"),
            "logistic regression on frozen features: seconds, and nothing but a linear head",
        ),
        "head_only": Preset(TunedPartsConfig("head", "frozen"), "the head and the class token"),
        "bitfit": Preset(TunedPartsConfig("biases", "frozen"), "biases and the head"),
    },
)
