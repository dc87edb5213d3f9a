"""The training loss of a backbone that brings its own second loss (PointGPT)."""

import pytest
import torch
from torch.nn import functional

from clouds import random_clouds
from pointlora import apply_method, create_model
from pointlora.data.loading import ClassificationBatch
from pointlora.recipes.parts import OptimizerConfig
from pointlora.recipes.runs import TrainingConfig
from pointlora.training.classification.module import ClassificationModule


@pytest.mark.parametrize(("name", "weight"), [("point_gpt_s", 3.0), ("point_mae", 0.0)])
def test_generation_loss_is_added_with_its_weight(name, weight):
    torch.manual_seed(0)
    sizes = {"embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 8, "group_size": 8}
    model = apply_method(create_model(name, num_classes=4, drop_path_rate=0.0, **sizes), "pointlora").train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    batch = ClassificationBatch(random_clouds(4, 64), torch.arange(4), torch.arange(4))
    output = model(batch.points)
    expected = functional.cross_entropy(output.logits, batch.labels) + 0.004 * output.auxiliary_loss
    expected = expected + weight * output.generation_loss
    trained = ClassificationModule(model, OptimizerConfig(), TrainingConfig(), ("a", "b", "c", "d"))
    torch.testing.assert_close(trained.training_step(batch, 0), expected)
    assert (output.generation_loss > 0) == (weight > 0)
