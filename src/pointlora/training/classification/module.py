"""Fine-tuning for classification as a Lightning module."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pointlora.data.loading import ClassificationBatch
from pointlora.recipes.parts import OptimizerConfig
from pointlora.recipes.runs import TrainingConfig
from pointlora.training.base_module import TrainedModule
from pointlora.training.classification.metrics import metrics_from
from pointlora.training.cuda_graphs import GraphedClassifier
from pointlora.training.devices.collectives import gather_samples
from pointlora.training.devices.world import current_world
from pointlora.training.losses import training_loss


class ClassificationModule(TrainedModule):
    """Cross-entropy plus the method's own loss and, for some backbones (PointGPT), the backbone's.

    Args:
        model: points (B, N, 3) to an output with `logits`, `auxiliary_loss` and `generation_loss`; where it has a
            `generation_weight`, that is the weight of the last, and where it has a `method`, its `loss_weight` that of
            the second.
        optimizer: see `OptimizerConfig`.
        run: see `TrainingConfig`.
        class_names: of the data.
        counts: (classes,) how often each occurs, for `class_weights`.
        evenly: whether batches show each class equally often.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: OptimizerConfig,
        run: TrainingConfig,
        class_names: tuple[str, ...],
        counts: NDArray[np.int64] | None = None,
        evenly: bool = False,
    ) -> None:
        super().__init__(model, optimizer, run)
        self.loss = training_loss(run, counts, evenly)
        self.class_names = class_names
        self.generation_weight = float(getattr(model, "generation_weight", 0.0))
        alone = current_world().size == 1 and not (run.compile or run.gradient_checkpointing)
        self.step_model = GraphedClassifier(model, run.cuda_graphs and alone, run.precision == "bf16")
        self._found: list[tuple[Tensor, ...]] = []

    def training_step(self, batch: ClassificationBatch, batch_idx: int) -> Tensor:
        logits, auxiliary_loss, generation_loss = self.step_model(batch.points)
        loss = self.loss(logits.float(), batch.labels)
        loss = loss + self.auxiliary_weight * auxiliary_loss.float()
        if self.generation_weight:
            loss = loss + self.generation_weight * generation_loss
        return self.track(loss)

    def forward(self, batch: ClassificationBatch) -> Any:
        """A batch through the model."""
        return self.model(batch.points)

    def on_validation_epoch_start(self) -> None:
        self._found = []

    def validation_step(self, batch: ClassificationBatch, batch_idx: int) -> None:
        logits = self.model(batch.points).logits
        predicted = logits.argmax(-1)
        probability = logits.double().softmax(-1).gather(1, predicted[:, None])[:, 0]
        self._found.append((batch.index, batch.labels, predicted, probability))

    def on_validation_epoch_end(self) -> None:
        truth, predicted, probability = gather_samples(*map(torch.cat, zip(*self._found, strict=True)))
        metrics = metrics_from(truth.numpy(), predicted.numpy(), self.class_names)
        self.selection = {"accuracy": metrics.accuracy, "class_mean_accuracy": metrics.class_mean_accuracy}
        self.answers = {"predicted": predicted, "probability": probability}
