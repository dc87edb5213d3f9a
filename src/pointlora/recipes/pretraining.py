"""The recipe of a pre-training run. Nothing here imports torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pointlora.checks import check_integer, check_number
from pointlora.errors import ConfigError
from pointlora.recipes.parts import DataConfig, ModelConfig, OptimizerConfig
from pointlora.recipes.runs import RunConfig


@dataclass
class PretrainRunConfig(RunConfig):
    """How a pre-training run goes.

    Args:
        batch_size: clouds per step.
        samples_per_epoch: clouds per epoch; by default the whole data set. Procedural data never repeats itself: each
            epoch draws that many new shapes.
    """

    batch_size: int = 128
    samples_per_epoch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples_per_epoch is not None:
            check_integer("training.samples_per_epoch", self.samples_per_epoch, 1)


@dataclass
class ObjectiveConfig:
    """Weights of the objectives of pre-training.

    Args:
        reconstruction: Chamfer L2 of the masked patches, squared lengths in a unit sphere: about 0.01 when trained.
        contrast: two views of a cloud (different patches, turned about the up axis, each axis scaled) must be told from
            those of the other clouds of the batch (InfoNCE; SimCLR, Chen et al., ICML 2020).
        category: cross-entropy of the category, for clouds that have a label.
        latent: smooth L1 distance of the masked patches to what a teacher, the moving average of the encoder, makes of
            them when it sees all patches (data2vec, Baevski et al., ICML 2022; point2vec, Zeid et al., GCPR 2023).
        temperature: of the contrast.
        teacher_momentum: share of itself that the teacher keeps in each step. A teacher is kept, and written beside
            the encoder, where `latent` is above 0.
    """

    reconstruction: float = 1.0
    contrast: float = 0.0
    category: float = 0.0
    latent: float = 0.0
    temperature: float = 0.1
    teacher_momentum: float = 0.998

    def __post_init__(self) -> None:
        for name in ("reconstruction", "contrast", "category", "latent"):
            check_number(f"objective.{name}", getattr(self, name), 0)
        check_number("objective.temperature", self.temperature, 0, open_low=True)
        check_number("objective.teacher_momentum", self.teacher_momentum, 0, 1, open_high=True)

    @property
    def momentum(self) -> float | None:
        """Of the teacher; None where there is none."""
        return self.teacher_momentum if self.latent else None


@dataclass
class CorpusConfig:
    """A second data set that is mixed into the first; its labels are not used.

    Args:
        name: of the data set; null for none.
        root: folder or file that holds it.
        options: the data set's own options.
        share: of the clouds of an epoch that come from it.
    """

    name: str | None = None
    root: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    share: float = 0.5

    def __post_init__(self) -> None:
        check_number("corpus.share", self.share, 0, 1, open_low=True)


@dataclass
class AheadConfig:
    """Clouds that are made before the first step and kept on the device, where the views of a step are made too.

    Args:
        size: how many procedural clouds; null for none: clouds are then made and moved as they are needed.
        named, scan, freeform: shares of them: shapes of the named categories, the same as a scanner sees them from one
            side, and shapes of no category.
        workers: processes that make them; 0 makes them in this one.
        file: where they are kept, so that a run that goes on finds them; by default in the run's folder.
        second_mask_ratio: share of the patches that the second view hides.
    """

    size: int | None = None
    named: float = 0.4
    scan: float = 0.2
    freeform: float = 0.4
    workers: int = 2
    file: str | None = None
    second_mask_ratio: float = 0.6

    def __post_init__(self) -> None:
        if self.size is not None:
            check_integer("ahead.size", self.size, 1)
        for name in ("named", "scan", "freeform"):
            check_number(f"ahead.{name}", getattr(self, name), 0)
        if not self.named + self.scan + self.freeform > 0:
            raise ConfigError("ahead.named, scan and freeform are all 0: one must be above 0")
        check_integer("ahead.workers", self.workers, 0, 256)
        check_number("ahead.second_mask_ratio", self.second_mask_ratio, 0, 1, open_high=True)

    @property
    def shares(self) -> dict[str, float]:
        """Of the kinds of clouds."""
        return {name: getattr(self, name) for name in ("named", "scan", "freeform")}


@dataclass
class PretrainRecipe:
    """Pre-train a backbone as a masked autoencoder (Point-MAE), optionally with further objectives.

    Args:
        model: the backbone and its sizes.
        mask_ratio: share of the patches that is masked.
        decoder_depth: blocks of the decoder, which is not used afterwards.
        objective: what is minimised.
        data: the data set and what is done to it.
        corpus: a second data set to mix in.
        ahead: clouds made before the first step, for a fast device.
        optimizer: AdamW and its schedule.
        training: epochs, batch size, seed and so on.
        output: the run's folder; an unfinished run of the same recipe in it is resumed.
    """

    model: ModelConfig = field(default_factory=lambda: ModelConfig(num_groups=64, group_size=32))
    mask_ratio: float = 0.6
    decoder_depth: int = 4
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    data: DataConfig = field(default_factory=lambda: DataConfig(num_points=1024))
    corpus: CorpusConfig = field(default_factory=CorpusConfig)
    ahead: AheadConfig = field(default_factory=AheadConfig)
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(lr=1e-3))
    training: PretrainRunConfig = field(default_factory=PretrainRunConfig)
    output: str = "runs/pretrain"

    def __post_init__(self) -> None:
        self.data.check_no_labels()
        if self.data.features:
            raise ConfigError("data.features is for fine-tuning: pre-training knows x, y, z alone, leave it out")
        check_number("mask_ratio", self.mask_ratio, 0, 1, open_low=True)
        check_integer("decoder_depth", self.decoder_depth, 1)
        if self.corpus.name is not None and self.training.samples_per_epoch is None:
            raise ConfigError(
                "corpus needs training.samples_per_epoch: a mixture of two data sets has no end of its own"
            )
        if self.ahead.size is None:
            return
        if self.data.name != "procedural":
            raise ConfigError(f"ahead.size makes procedural clouds, but data.name is {self.data.name}: leave one out")
        if self.training.samples_per_epoch is None:
            raise ConfigError("ahead.size needs training.samples_per_epoch: clouds that are kept have no epoch")
        if not (self.objective.contrast or self.objective.category or self.objective.latent):
            raise ConfigError(
                "ahead.size makes two views of a cloud, which need objective.contrast, category or latent: set one"
            )
