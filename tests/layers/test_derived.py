import copy
import gc
import io

import pytest
import torch
from torch import nn

from pointlora.layers import derived as module
from pointlora.layers import linear as linear_module
from pointlora.layers.derived import derived
from pointlora.layers.linear import Linear


@pytest.fixture(autouse=True)
def every_size_counts(monkeypatch):
    monkeypatch.setattr(linear_module, "_WORTHWHILE", 0)


def doubled(layer):
    weight = layer.weight.detach()
    return derived("doubled", [layer.weight, layer.bias], lambda: weight * 2)


def change_in_place(layer):
    with torch.no_grad():
        layer.weight.add_(1)


def change_the_second_source(layer):
    layer.bias.detach().zero_()


def change_through_data(layer):
    layer.weight.data.mul_(2)  # raises no version counter


def load(layer):
    layer.load_state_dict({"weight": torch.ones(4, 3), "bias": torch.ones(4)})


def move(layer):
    layer.to(torch.float64)


@pytest.mark.parametrize("change", [change_in_place, change_through_data, change_the_second_source, load, move])
def test_a_value_is_made_again_only_after_a_change(change):
    layer = nn.Linear(3, 4).requires_grad_(False)
    first = doubled(layer)
    assert doubled(layer) is first
    change(layer)
    second = doubled(layer)
    assert second is not first
    assert torch.equal(second, layer.weight * 2)
    assert doubled(layer) is second


def test_nothing_is_copied_saved_or_left_behind():
    layer = nn.Linear(3, 4).requires_grad_(False)
    before = len(module._KEPT)
    kept = doubled(layer)
    other = copy.deepcopy(layer)
    assert doubled(other) is not kept
    assert list(layer.state_dict()) == ["weight", "bias"]
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    assert "derived" not in str(buffer.getvalue())
    del layer, other
    gc.collect()
    assert len(module._KEPT) == before


@pytest.mark.parametrize("fused", [True, False])
def test_a_weight_in_training_is_never_out_of_date(fused):
    """A fused optimiser changes weights without raising their version."""
    layer = nn.Linear(3, 4)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=fused)
    for _ in range(2):
        layer(torch.ones(2, 3)).sum().backward()
        optimizer.step()
        assert torch.equal(doubled(layer), layer.weight * 2)


def test_a_value_made_in_inference_mode_serves_training():
    layer = nn.Linear(3, 4).requires_grad_(False)
    with torch.inference_mode():
        value = doubled(layer)
    assert not value.is_inference()
    with torch.inference_mode():
        inner = nn.Linear(3, 4).requires_grad_(False)
        assert torch.equal(doubled(inner), inner.weight * 2)


@pytest.mark.skipif(linear_module._BFLOAT16_PRODUCT is None, reason="oneDNN has no bfloat16 product here")
def test_autocast_sees_a_changed_weight_and_trains_like_torch():
    torch.manual_seed(0)
    ours, theirs = Linear(12, 20), nn.Linear(12, 20)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(6, 12)
    for _ in range(2):
        results = []
        for layer in (ours, theirs):
            layer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16):
                y = layer(x)
            assert y.dtype == torch.bfloat16
            y.float().square().sum().backward()
            results.append((y.float(), layer.weight.grad, layer.bias.grad))
        torch.testing.assert_close(*results, rtol=0.02, atol=0.1)
        for layer in (ours, theirs):
            layer.weight.requires_grad_(False)
            layer(x)
            layer.weight.mul_(2)
            layer.weight.requires_grad_(True)
