"""Recipes: everything that defines a run, as plain dataclasses that check themselves.

A recipe file is YAML with the same nesting; a setting that isn't named keeps its default. Nothing here imports torch,
so that `pointlora train --help` answers at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pointlora.checks import check_choice, check_integer, check_number, check_switch
from pointlora.errors import ConfigError
from pointlora.methods.plugins import load_plugins
from pointlora.recipes.method import method_config, resolve_method
from pointlora.recipes.parts import DataConfig, ModelConfig, OptimizerConfig
from pointlora.recipes.protocols import PROTOCOLS

# Tasks of fine-tuning.
TASKS = ("classification", "part_segmentation")
# Figures by which the best epoch may be chosen; the first is the usual one.
CRITERIA = {
    "classification": ("accuracy", "class_mean_accuracy"),
    "part_segmentation": ("instance_miou", "class_miou", "accuracy"),
}


@dataclass
class RunConfig:
    """How a run goes.

    Args:
        epochs: passes over the training data.
        batch_size: clouds per step, of all devices together.
        seed: chooses initial weights, batch order, augmentation, dropout and the validation split.
        workers: processes that load data; 0 loads in the main one. The result doesn't depend on it.
        precision: 32, bf16 (mixed precision; losses stay in float32), or auto: bf16 where the processor or the GPU
            computes in it, otherwise 32. A resumed run keeps the one it started with.
        accelerator: auto, cpu or cuda.
        devices: processes on this machine that share each batch, one per GPU or, on the CPU, as many as
            given; under torchrun, its number counts.
        deterministic: use deterministic kernels, where torch has them.
        gradient_checkpointing: compute again in the backward, with the same result, what a step would keep: frozen does
            so in frozen parts, for half of the memory and 15 % more time; true in whole blocks, for a quarter more time
            and less memory also where everything is trained; false nowhere.
        cuda_graphs: on a GPU, replay the forward and backward of a step as CUDA graphs where the model allows it: the
            same numbers, without the time that launching kernels takes. Classification on one device, without compile
            and gradient_checkpointing.
        compile: train with torch.compile; the first steps take a minute or more, and random numbers differ. Meant for
            GPUs.
        checkpoint_every_steps: also write last.ckpt every N steps; by default only at the end of each epoch.
        tensorboard: write TensorBoard logs, where tensorboard is installed.
    """

    epochs: int = 300
    batch_size: int = 32
    seed: int = 0
    workers: int = 2
    precision: int | str = "auto"
    accelerator: str = "auto"
    devices: int = 1
    deterministic: bool = True
    gradient_checkpointing: bool | str = False
    cuda_graphs: bool = True
    compile: bool = False
    checkpoint_every_steps: int | None = None
    tensorboard: bool = True

    def __post_init__(self) -> None:
        self.precision = str(self.precision)
        check_integer("training.epochs", self.epochs, 1)
        check_integer("training.batch_size", self.batch_size, 1)
        check_integer("training.seed", self.seed, 0, 2**32 - 1)
        check_integer("training.workers", self.workers, 0, 256)
        check_choice("training.precision", self.precision, ("auto", "32", "bf16"))
        check_choice("training.accelerator", self.accelerator, ("auto", "cpu", "cuda"))
        check_integer("training.devices", self.devices, 1, 256)
        check_switch("training.gradient_checkpointing", self.gradient_checkpointing, "frozen")
        if self.gradient_checkpointing and self.compile:
            raise ConfigError("training.gradient_checkpointing and training.compile exclude each other: choose one")
        if self.checkpoint_every_steps is not None:
            check_integer("training.checkpoint_every_steps", self.checkpoint_every_steps, 1)


@dataclass
class TrainingConfig(RunConfig):
    """How a fine-tuning run goes.

    Args:
        protocol: validation chooses the best epoch on a part of the training set and reports the test set once; paper
            chooses the best epoch on the test set, as the public codes do, and every output says so; last takes the
            last epoch and looks at no data but the training set; k_fold holds out each of so many folds once, to choose
            the number of epochs, and then trains on all labels.
        folds: of the protocol k_fold.
        fold: the one that is held out; null for all of them, one after another, and then the run on all labels.
        steps: optimiser steps in place of epochs: as many whole epochs as hold them.
        patience: end after so many epochs without a better figure on the selection split.
        ema: share that each step keeps of a moving average of what is trained, such as 0.99; 0 for none.
        interpolate: scale what tuning changed by the factor, from 0 to 1, that is best on the validation split; by
            default where the head starts fitted.
        least_gain: where the head starts fitted, tuning is kept if it is better than that start by more than so
            many times what the best of the epochs would have by luck, on the selection split or, with k_fold, on the
            held-out clouds; 0 keeps whatever is better.
        label_smoothing: of the cross-entropy, in [0, 1).
        recalibrate: before a selection split is measured and before an adapter is written, compute the running
            statistics of BatchNorm anew from training clouds. Protocol paper leaves them as they are, as the
            public codes do.
        class_weights: of the cross-entropy: none; balanced, in inverse proportion to how often classes (parts, for part
            segmentation) occur; sqrt, to the root of that; or a list of weights, one a class.
        focal_gamma: above 0 clouds (points) count the less, the surer the network is of them; 2 is usual.
        criterion: by which the best epoch is chosen: accuracy or class_mean_accuracy; for part segmentation
            instance_miou, class_miou or accuracy. By default the first.
        measure_test: false doesn't open the test set and reports the validation split, for choosing settings.
    """

    protocol: str = "validation"
    label_smoothing: float = 0.0
    recalibrate: bool = True
    folds: int = 5
    fold: int | None = None
    steps: int | None = None
    patience: int | None = None
    ema: float = 0.0
    interpolate: bool | None = None
    least_gain: float = 1.0
    class_weights: list[float] | str = "none"
    focal_gamma: float = 0.0
    criterion: str | None = None
    measure_test: bool = True

    @property
    def recalibrates(self) -> bool:
        """Whether running statistics are computed anew."""
        return self.recalibrate and self.protocol != "paper"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("training.batch_size", self.batch_size, 2)  # the head's BatchNorm needs two clouds
        check_choice("training.protocol", self.protocol, PROTOCOLS)
        check_number("training.label_smoothing", self.label_smoothing, 0, 1)
        if isinstance(self.class_weights, str):
            check_choice("training.class_weights", self.class_weights, ("none", "balanced", "sqrt"))
        else:
            for weight in self.class_weights:
                check_number("each of training.class_weights", weight, 0, open_low=True)
        check_number("training.focal_gamma", self.focal_gamma, 0, 10)
        check_integer("training.folds", self.folds, 2, 1000)
        if self.fold is not None:
            check_integer("training.fold", self.fold, 0, self.folds - 1)
            if self.protocol != "k_fold" or self.measure_test:
                raise ConfigError("training.fold needs training.protocol k_fold and training.measure_test false")
        if self.protocol == "k_fold" and self.devices > 1:
            raise ConfigError(
                f"training.devices is {self.devices}, but training.protocol k_fold runs on one: set it to 1"
            )
        for name in ("steps", "patience"):
            if getattr(self, name) is not None:
                check_integer(f"training.{name}", getattr(self, name), 1)
        if self.patience is not None and self.protocol == "last":
            raise ConfigError(
                f"training.patience is {self.patience}, but training.protocol last measures nothing after an epoch: "
                "use validation or k_fold"
            )
        check_number("training.least_gain", self.least_gain, 0, 10)
        check_number("training.ema", self.ema, 0, 1, open_high=True)
        if self.protocol != "validation" and self.interpolate:
            raise ConfigError(
                f"training.interpolate is true, but training.protocol {self.protocol} has no validation split to "
                "choose the factor on: use validation"
            )
        if self.protocol != "validation" and self.fold is None and not self.measure_test:
            reason = (
                "chooses on the test set" if self.protocol == "paper" else "leaves no validation split to measure on"
            )
            raise ConfigError(
                f"training.measure_test is false, but training.protocol {self.protocol} {reason}: use validation"
            )


@dataclass
class TrainRecipe:
    """Fine-tune a pre-trained backbone.

    Args:
        task: classification, or part_segmentation (a part for each point of a cloud).
        model: the backbone, its sizes and its pre-trained weights.
        method: the tuning method and its settings, for example {name: pointlora, rank: 8}; `pointlora info` lists them.
        data: the data set and what is done to it.
        optimizer: AdamW and its schedule.
        training: epochs, batch size, seed and so on.
        output: the run's folder; an unfinished run of the same recipe in it is resumed.
        plugins: Python files, seen from the current folder, that register tuning methods of your own. They are run.
    """

    task: str = "classification"
    model: ModelConfig = field(default_factory=ModelConfig)
    method: dict[str, Any] = field(default_factory=lambda: {"name": "pointlora"})
    data: DataConfig = field(default_factory=DataConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    output: str = "runs/train"
    plugins: list[str] = field(default_factory=list)

    @property
    def interpolates(self) -> bool:
        """Whether a point between start and end of tuning is chosen."""
        wanted = self.training.interpolate
        return self.training.protocol == "validation" and (self.probes if wanted is None else wanted)

    @property
    def least_gain(self) -> float:
        """By how many times luck tuning must be better than its start; 0 where it needn't be."""
        return self.training.least_gain if self.probes and self.training.protocol in ("validation", "k_fold") else 0.0

    @property
    def probes(self) -> bool:
        """Whether the head starts fitted (`model.head_init: probe`)."""
        return (self.model.head_init or method_config(self.method).head_init) == "probe"

    @property
    def criterion(self) -> str:
        """The figure by which the best epoch is chosen."""
        return self.training.criterion or CRITERIA[self.task][0]

    def __post_init__(self) -> None:
        load_plugins(self.plugins)
        check_choice("task", self.task, TASKS)
        check_choice("training.criterion", self.criterion, CRITERIA[self.task])
        if self.model.head_dims is not None and self.task != "part_segmentation":
            raise ConfigError("model.head_dims belongs to task part_segmentation: leave it out, or set task")
        if self.task != "part_segmentation":
            self.data.check_no_labels()
        self.method = resolve_method(self.method)
        for key in ("pooling", "scales"):
            if self.task == "part_segmentation" and getattr(self.model, key) is not None:
                raise ConfigError(f"model.{key} belongs to task classification: leave it out, or set task")
        if self.probes and self.model.checkpoint is None:
            raise ConfigError(
                f"the head of method {self.method['name']} starts fitted (model.head_init probe), and random "
                "weights have no features to fit it to: set model.checkpoint, or model.head_init to random"
            )
        head = self.model.head or ("mlp" if method_config(self.method).head_init == "random" else None)
        if self.probes and head == "mlp":
            raise ConfigError(
                "model.head is 'mlp', but model.head_init probe needs a linear or paired head: set model.head"
            )
        if self.model.checkpoint is not None and not self.method.get("pretrained", True):
            raise ConfigError(
                f"method {self.method['name']} starts from random weights, but model.checkpoint is "
                f"{self.model.checkpoint!r}: set model.checkpoint to null, or use method full"
            )
