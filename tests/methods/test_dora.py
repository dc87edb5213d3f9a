"""DoRA: its formula, its start, its gradients, merging."""

import pytest
import torch
from torch import nn

from clouds import random_clouds
from model_names import TINY
from pointlora import apply_method, create_model, merge_lora, method_config, unmerge_lora
from pointlora.errors import ConfigError
from pointlora.methods.branches import BranchedLinear
from pointlora.methods.dora import DoraBranch


def branched(bias=True):
    torch.manual_seed(0)
    layer = BranchedLinear(nn.Linear(6, 5, bias=bias))
    layer.branches["lora"] = DoraBranch(layer, rank=2, scaling=1.5)
    return layer, layer.branches["lora"]


def moved(module):
    """With branches that aren't at their start."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for branch in module.modules():
            if isinstance(branch, DoraBranch):
                branch.B.copy_(0.1 * torch.randn(branch.B.shape, generator=generator))
                branch.magnitude.mul_(1 + 0.2 * torch.randn(branch.magnitude.shape, generator=generator))
    return module


def weight_by_hand(layer, branch, magnitude):
    """m V / |V|, with lengths that are constants."""
    turned = layer.weight + 1.5 * branch.B @ branch.A
    return magnitude[:, None] * turned / turned.detach().norm(dim=1, keepdim=True)


@pytest.mark.parametrize("bias", [True, False])
def test_output_and_gradients_are_those_of_the_formula(bias):
    layer, branch = branched(bias)
    moved(layer)
    x = torch.randn(3, 4, 6)
    found, expected = layer(x), nn.functional.linear(x, weight_by_hand(layer, branch, branch.magnitude), layer.bias)
    torch.testing.assert_close(found, expected)
    trained = (branch.A, branch.B, branch.magnitude)
    for mine, theirs in zip(*(torch.autograd.grad(y.sin().sum(), trained) for y in (found, expected)), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


def test_magnitudes_start_at_the_lengths_of_rows_and_the_network_as_it_was():
    layer, branch = branched()
    assert torch.equal(branch.magnitude, layer.weight.norm(dim=1))
    torch.manual_seed(0)
    model = create_model("point_mae", **TINY).eval()
    before = model(random_clouds(2, 64)).logits
    tuned = apply_method(model, method_config("dora", rank=4)).eval()
    torch.testing.assert_close(tuned(random_clouds(2, 64)).logits, before, atol=1e-6, rtol=0)


def test_a_row_of_zeros_stays_finite():
    layer, branch = branched()
    with torch.no_grad():
        layer.weight[0] = 0
    branch = layer.branches["lora"] = DoraBranch(layer, 2, 1.5)
    y = layer(torch.ones(1, 6))
    y.sum().backward()
    assert y[0, 0] == layer.bias[0]
    assert branch.magnitude.grad.isfinite().all()


def test_it_trains_a_magnitude_for_each_output_besides_the_factors():
    lora, dora = (apply_method(create_model("point_mae", **TINY), method_config(n, rank=4)) for n in ("lora", "dora"))
    counts = [sum(p.numel() for p in model.parameters() if p.requires_grad) for model in (lora, dora)]
    assert counts[1] - counts[0] == 2 * (3 * 24 + 24)


@pytest.mark.parametrize("name", ["dora", "pointlora"])
def test_merging_changes_nothing_and_can_be_undone(name):
    torch.manual_seed(0)
    model = moved(apply_method(create_model("point_mae", **TINY), method_config(name, rank=4, dora=True))).eval()
    points, weights = random_clouds(2, 64), {key: value.clone() for key, value in model.state_dict().items()}
    with torch.no_grad():
        before = model(points).logits
        merge_lora(model)
        assert not torch.equal(model.blocks[0].attn.proj.weight, weights["blocks.0.attn.proj.weight"])
        torch.testing.assert_close(model(points).logits, before, atol=1e-5, rtol=0)
        unmerge_lora(model)
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, weights[key], atol=1e-6, rtol=1e-6)


def test_both_ways_to_start_are_refused_together():
    with pytest.raises(ConfigError, match="lora_init is 'pissa', but it must be kaiming with dora"):
        method_config("dora", lora_init="pissa")
