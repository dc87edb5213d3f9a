"""Masked pre-training as a Lightning module."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pointlora.data.loading import ClassificationBatch
from pointlora.training.base_module import TrainedModule
from pointlora.training.randomness import patch_masks


class PretrainingModule(TrainedModule):
    """Chamfer loss of the rebuilt patches; which are masked is a function of (seed, epoch, index)."""

    def training_step(self, batch: ClassificationBatch, batch_idx: int) -> Tensor:
        model: Any = self.model
        keys = [(self.current_epoch, index) for index in batch.index.tolist()]
        mask = patch_masks(self.run.seed, keys, model.sizes.num_groups, model.num_masked)
        loss: Tensor = model(batch.points, mask=mask.to(batch.points.device)).loss
        return self.track(loss)
