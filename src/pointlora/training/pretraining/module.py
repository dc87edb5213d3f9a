"""Pre-training as a Lightning module: masked patches, and two views of a cloud where the recipe wants them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pointlora.models.two_views import TwoViewOutput
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.training.base_module import TrainedModule
from pointlora.training.pretraining.batches import PretrainingBatch
from pointlora.training.pretraining.resident import ResidentClouds


class PretrainingModule(TrainedModule):
    """Chamfer loss of the rebuilt patches, and the objectives of two views where the batch has a second one.

    Args:
        model: a `MaskedAutoencoder`, or a `TwoViewAutoencoder` where an objective needs it.
        recipe: of the run.
        clouds: that lie on the device, where batches come as numbers.
    """

    def __init__(self, model: nn.Module, recipe: PretrainRecipe, clouds: ResidentClouds | None = None) -> None:
        super().__init__(model, recipe.optimizer, recipe.training)
        self.objective = recipe.objective
        self.clouds = clouds

    def on_fit_start(self) -> None:
        if self.clouds is not None:
            self.clouds.move(self.device)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        if self.clouds is not None:
            return self.clouds.batch(batch, self.global_rank)
        return super().on_after_batch_transfer(batch, dataloader_idx)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        model: Any = self.model
        if getattr(model, "teacher", None) is not None:
            model.teacher.follow(model.encoder)

    def training_step(self, batch: PretrainingBatch, batch_idx: int) -> Tensor:
        model: Any = self.model
        if batch.view is None:
            output = model(batch.points, mask=batch.mask, num_masked=model.num_masked)
            return self.track(self.objective.reconstruction * output.loss)
        output = model(batch.points, batch.mask, batch.view, model.num_masked)
        parts = objectives(output, batch.labels, self.objective.temperature)
        loss = sum((getattr(self.objective, name) * part for name, part in parts.items()), output.loss.new_zeros(()))
        return self.track(loss, **parts)


def objectives(output: TwoViewOutput, labels: Tensor, temperature: float) -> dict[str, Tensor]:
    """Each objective's own loss, not weighted, by its name in the recipe.

    Args:
        output: of a batch of B clouds.
        labels: (B,) -1 where there is none.
        temperature: of the contrast.
    """
    parts = {"reconstruction": output.loss}
    if output.embeddings is not None:
        parts["contrast"] = contrastive_loss(output.embeddings[0], output.embeddings[1], temperature)
    if output.category_logits is not None:
        parts["category"] = category_loss(output.category_logits, labels)
    if output.latent is not None:
        parts["latent"] = output.latent
    return parts


def contrastive_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """InfoNCE: each cloud's first view must find its second among those of the batch, and the other way round.

    Args:
        first, second: (B, D) embeddings, row i of both from cloud i.
        temperature: cosines are divided by it.

    Returns:
        mean cross-entropy of both directions, a scalar: ln B where nothing is told apart.
    """
    similarity = functional.normalize(first, dim=1) @ functional.normalize(second, dim=1).T / temperature
    same = torch.arange(len(first), device=first.device)
    return (functional.cross_entropy(similarity, same) + functional.cross_entropy(similarity.T, same)) / 2


def category_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of (2, B, categories) logits of both views, over the clouds that have a label; 0 without any."""
    labelled = labels >= 0
    count = 2 * labelled.sum().clamp(min=1)
    wanted = labels.clamp(min=0).expand(2, -1)
    losses = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), reduction="none").view(2, -1)
    return (losses * labelled).sum() / count
