"""Fine-tuning for part segmentation as a Lightning module."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pointlora.data.parts.loading import PartBatch
from pointlora.data.parts.space import PartSpace
from pointlora.recipes.parts import OptimizerConfig
from pointlora.recipes.runs import TrainingConfig
from pointlora.training.base_module import TrainedModule
from pointlora.training.devices.collectives import gather_samples
from pointlora.training.losses import training_loss
from pointlora.training.part_segmentation.metrics import metrics_from_counts, predict_parts, shape_counts


class PartModule(TrainedModule):
    """Cross-entropy over points plus the method's own loss.

    Args:
        model: a part segmenter.
        optimizer: see `OptimizerConfig`.
        run: see `TrainingConfig`.
        space: parts and categories.
        counts: (parts,) how often each part occurs, for `class_weights`.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: OptimizerConfig,
        run: TrainingConfig,
        space: PartSpace,
        counts: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(model, optimizer, run)
        self.space = space
        self.loss = training_loss(run, counts)
        self.allowed = torch.from_numpy(space.allowed)
        self._found: list[tuple[Tensor, Tensor]] = []

    def training_step(self, batch: PartBatch, batch_idx: int) -> Tensor:
        output = self.model(batch.points, model_category(batch, self.space))
        logits, parts = output.logits.float().flatten(0, 1), batch.parts.flatten()
        loss = self.loss(logits, parts)
        return self.track(loss + self.auxiliary_weight * output.auxiliary_loss.float())

    def forward(self, batch: PartBatch) -> Any:
        """A batch through the model."""
        return self.model(batch.points, model_category(batch, self.space))

    def on_validation_epoch_start(self) -> None:
        self._found = []

    def validation_step(self, batch: PartBatch, batch_idx: int) -> None:
        # By `forward`, which torch.compile leaves alone: it would compile anew for each number of points.
        model: Any = self.model
        logits = model.forward(batch.points, model_category(batch, self.space), batch.queries).logits
        predicted = predict_parts(logits, batch.category, self.allowed.to(logits.device))
        self._found.append((batch.index, shape_counts(batch.parts, predicted, batch.category, self.space)))

    def on_validation_epoch_end(self) -> None:
        index, counts = (torch.cat(parts) for parts in zip(*self._found, strict=True))
        columns = gather_samples(index, *counts.unbind(1))
        metrics = metrics_from_counts(torch.stack(columns, 1).numpy(), self.space)
        self.selection = {
            "instance_miou": metrics.instance_miou,
            "class_miou": metrics.class_miou,
            "accuracy": metrics.accuracy,
        }
        self.answers = metrics.of_each


def model_category(batch: PartBatch, space: PartSpace) -> Tensor | None:
    """What the model is told about the categories of a batch."""
    return batch.category if space.num_categories else None
