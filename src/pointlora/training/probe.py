"""A linear probe: how much of the classes a frozen backbone's features already separate, without any tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pointlora.data.datasets import PointCloudDataset
from pointlora.data.loading import make_loader
from pointlora.data.pending import on_device
from pointlora.data.progress import Progress
from pointlora.data.transforms import TransformConfig
from pointlora.errors import ConfigError
from pointlora.models.backbone import Backbone
from pointlora.models.heads import feature_summary
from pointlora.randomness import isolated_randomness
from pointlora.recipes.parts import DataConfig, ModelConfig
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.classification.metrics import ClassificationMetrics, metrics_from
from pointlora.training.data import Splits, open_splits, transform_config
from pointlora.training.devices.choice import evaluation_device
from pointlora.training.logistic_regression import minimise
from pointlora.training.model_factory import build_classifier

# Weights of the squared coefficients, one of which is chosen on the selection split.
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class ProbeResult:
    """What a probe found.

    Attributes:
        selection: figures on the split that chose the penalty.
        test: figures on the test split.
        penalty: the one chosen.
        dimension: features per cloud.
    """

    selection: ClassificationMetrics
    test: ClassificationMetrics
    penalty: float
    dimension: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "selection_accuracy": self.selection.accuracy,
            "test": self.test.as_dict(),
            "penalty": self.penalty,
            "dimension": self.dimension,
        }


def probe_backbone(model: ModelConfig, data: DataConfig, seed: int = 0, batch_size: int = 32) -> ProbeResult:
    """Probe a backbone on a data set, a tenth (`data.validation_fraction`) of whose training split is for validation.

    Args:
        model: the backbone; without a checkpoint its weights are a function of the seed.
        data: labelled.
        seed: of the validation split and of random weights.
        batch_size: clouds at a time.

    Raises:
        ConfigError, DataError, CheckpointError: for bad settings, data and weights.
    """
    recipe = TrainRecipe(model=model, data=data, method={"name": "full"})
    recipe.training.seed = seed
    splits = open_splits(recipe)
    network = build_classifier(recipe, splits.train.class_names, features=splits.features)
    device = evaluation_device(recipe.training.accelerator)
    with isolated_randomness("probe", seed):
        return linear_probe(network.to(device), splits, transform_config(data, splits.features), batch_size)


def linear_probe(model: Backbone, splits: Splits, transform: TransformConfig, batch_size: int = 32) -> ProbeResult:
    """Fit multinomial logistic regression on frozen features (Alain and Bengio, 2016).

    Args:
        model: a backbone without a tuning method; left in evaluation mode.
        splits: the classes are those of the training split; nothing is chosen on the test split.
        transform: how clouds are prepared; they are not augmented.
        batch_size: clouds at a time.

    Returns:
        figures of the penalty that is best on the selection split, the largest of equals.

    Raises:
        ConfigError: if there is no selection split (protocol last).
    """
    if splits.selection is None:
        raise ConfigError("a probe chooses its penalty on a selection split: use the protocol validation or paper")
    parts = (splits.train, splits.selection, splits.reported)
    train, selection, test = (cloud_features(model, part, transform, batch_size) for part in parts)
    mean, deviation = train.mean(0), train.std(0).clamp(min=1e-6)
    train, selection, test = ((part - mean) / deviation for part in (train, selection, test))
    labels, names = torch.from_numpy(splits.train.labels), splits.train.class_names
    found = []
    for penalty in PENALTIES:
        weight, bias = minimise(train, labels, len(names), penalty)
        figures = [
            metrics_from(part.labels, (features @ weight + bias).argmax(1).numpy(), names)
            for part, features in ((splits.selection, selection), (splits.reported, test))
        ]
        found.append(ProbeResult(figures[0], figures[1], penalty, train.shape[1]))
    return max(found, key=lambda result: (result.selection.accuracy, result.penalty))


@torch.no_grad()
def cloud_features(
    model: Backbone, dataset: PointCloudDataset, transform: TransformConfig, batch_size: int = 32
) -> Tensor:
    """Features of every cloud: tokens before the patches, then mean and maximum of the patch tokens, then mean and
    deviation of what points have beside x, y, z.

    Returns:
        (n, (P + 2) C + 2F) float64 on the CPU.
    """
    model.eval()
    device = next(model.parameters()).device
    rows = []
    with Progress(f"batches of the {dataset.split} split") as progress:
        loader = make_loader(dataset, transform, batch_size, train=False, pending=device.type == "cuda")
        for batch in progress.over(loader):
            points = on_device(batch.points, device)
            (sequence,) = model.encode(points)
            summary = [sequence.prefix.flatten(1), sequence.patches.mean(1), sequence.patches.amax(1)]
            summary.append(feature_summary(points, model.sizes.num_features))
            rows.append(torch.cat(summary, 1).double().cpu())
    return torch.cat(rows)
