import math

import pytest
import torch
from torch import nn

from clouds import random_clouds
from pointlora import PointLoraConfig, apply_method, create_model, merge_lora, unmerge_lora
from pointlora.errors import AdapterError
from pointlora.methods.branches import BranchedLinear
from pointlora.methods.lora import LoraBranch
from pointlora.training.optimizer import learning_rate_factors

TINY = {"num_classes": 4, "embed_dim": 48, "depth": 2, "num_heads": 3, "num_groups": 32, "group_size": 8}


def trained(settings):
    """A model whose low-rank updates are not zero."""
    torch.manual_seed(0)
    model = apply_method(create_model("point_mae_tiny", **TINY), settings).eval()
    for module in model.modules():
        if isinstance(module, LoraBranch):
            nn.init.normal_(module.B, std=0.05)
    return model


def test_output_is_the_formula():
    torch.manual_seed(0)
    linear = nn.Linear(6, 5)
    layer = BranchedLinear(linear)
    assert layer.weight is linear.weight
    layer.branches["lora"] = branch = LoraBranch(layer, rank=2, scaling=1.5)
    nn.init.normal_(branch.B)
    x = torch.randn(3, 6)
    expected = linear(x) + 1.5 * (x @ branch.A.T) @ branch.B.T
    torch.testing.assert_close(layer(x), expected)


def test_initialisation_is_that_of_lora():
    torch.manual_seed(0)
    branch = LoraBranch(nn.Linear(400, 300), rank=16, scaling=1)
    bound = 1 / math.sqrt(400)
    assert branch.B.abs().max() == 0
    assert 0.95 * bound < branch.A.abs().max() <= bound


@pytest.mark.parametrize(
    ("settings", "scaling"),
    [
        (PointLoraConfig(), 1.0),
        (PointLoraConfig(alpha=16), 2.0),
        (PointLoraConfig(rank=16, alpha=16, rslora=True), 4.0),
        (PointLoraConfig(rank=0), 0.0),
    ],
)
def test_scaling(settings, scaling):
    assert settings.scaling == scaling


@pytest.mark.parametrize("settings", ["lora", "pointlora", PointLoraConfig(rank=4, alpha=32, rslora=True)])
def test_merging_changes_nothing_and_can_be_undone(settings):
    model, points = trained(settings), random_clouds(2, 100)
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    with torch.no_grad():
        before = model(points).logits
        merge_lora(model)
        assert not torch.equal(model.blocks[0].attn.qkv.weight, weights["blocks.0.attn.qkv.weight"])
        torch.testing.assert_close(model(points).logits, before, atol=1e-5, rtol=0)
        unmerge_lora(model)
        torch.testing.assert_close(model(points).logits, before, atol=1e-5, rtol=0)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.detach(), weights[name], atol=1e-6, rtol=0)


def test_merging_twice_or_without_lora_is_an_error():
    model = merge_lora(trained("lora"))
    with pytest.raises(AdapterError, match="merged already"):
        merge_lora(model)
    unmerge_lora(model)
    with pytest.raises(AdapterError, match="not merged"):
        unmerge_lora(model)
    with pytest.raises(AdapterError, match="no LoRA"):
        merge_lora(create_model("point_mae_tiny", **TINY))


def test_dropout_acts_on_the_update_in_training_only():
    model, points = trained(PointLoraConfig(dropout=0.5, scales=(), prompts="none")), random_clouds(1, 100)
    layer = model.blocks[0].attn.qkv
    x = torch.randn(2, 48)
    assert torch.equal(layer(x), layer(x))
    layer.train()
    assert not torch.equal(layer(x), layer(x))
    assert model.eval()(points).logits.isfinite().all()


def test_lora_plus_lets_the_second_factors_learn_faster():
    model = apply_method(create_model("point_mae_tiny", **TINY), "lora-plus")
    factors, branch = learning_rate_factors(model), model.blocks[1].attn.qkv.branches["lora"]
    assert (factors[id(branch.A)], factors[id(branch.B)], factors[id(model.cls_token)]) == (1, 16, 1)
    assert {id(p) for p in model.parameters() if p.requires_grad} == set(factors)
