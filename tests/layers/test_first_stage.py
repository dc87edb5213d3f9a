import pytest
import torch
from torch import nn

from pointlora.layers import first_stage, linear
from pointlora.layers.batch_norm import RowBatchNorm, run_layers
from pointlora.layers.linear import Linear


@pytest.fixture(autouse=True)
def products_of_every_size(monkeypatch):
    monkeypatch.setattr(linear, "_WORTHWHILE", 0)


def make(trained=True, batch_statistics=True):
    torch.manual_seed(0)
    layers = nn.Sequential(Linear(3, 8), RowBatchNorm(8), nn.ReLU(inplace=True), Linear(8, 6))
    for parameter in layers.parameters():
        nn.init.normal_(parameter)
        parameter.requires_grad_(trained)
    layers[1].running_mean.normal_()
    layers[1].running_var.uniform_(0.5, 2)
    return layers.train(batch_statistics)


def by_definition(points, layers):
    """Layer by layer in float64, without moving the running statistics."""
    enter, norm, _, last = layers
    rows = torch.nn.functional.linear(points, enter.weight.double(), enter.bias.double())
    running = (norm.running_mean.double().clone(), norm.running_var.double().clone())
    rows = torch.nn.functional.batch_norm(rows, *running, norm.weight.double(), norm.bias.double(), norm.training)
    return torch.nn.functional.linear(rows.relu(), last.weight.double(), last.bias.double())


def kept_by(features):
    return {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in features.grad_fn.saved_tensors
    }


@pytest.mark.parametrize("batch_statistics", [True, False])
@pytest.mark.parametrize("block", [1, 64, 1 << 19])
def test_features_and_gradients_equal_the_definition(monkeypatch, block, batch_statistics):
    monkeypatch.setattr(first_stage, "_BLOCK", block)
    layers = make(batch_statistics=batch_statistics)
    points, gradient = torch.randn(50, 3, requires_grad=True), torch.randn(50, 6)
    inputs = [points, *layers.parameters()]
    expected = by_definition(points.double(), layers)
    wanted = torch.autograd.grad(expected, inputs, gradient.double())
    assert first_stage.applies(points, layers)
    features, _ = first_stage.first_stage(points, layers)
    torch.testing.assert_close(features, expected.float(), atol=1e-5, rtol=1e-5)
    for found, right in zip(torch.autograd.grad(features, inputs, gradient), wanted, strict=True):
        torch.testing.assert_close(found, right, atol=5e-5, rtol=1e-5)


@pytest.mark.parametrize("batch_statistics", [True, False])
def test_features_and_statistics_are_bit_for_bit_those_of_the_layers(batch_statistics):
    points = torch.randn(3000, 3)
    layers, others = make(batch_statistics=batch_statistics), make(batch_statistics=batch_statistics)
    assert torch.equal(first_stage.first_stage(points, layers)[0], run_layers(others, points))
    for own, other in zip(layers.buffers(), others.buffers(), strict=True):
        assert torch.equal(own, other)


@pytest.mark.parametrize("bf16", [False, True])
def test_rows_are_made_again_bit_for_bit(bf16):
    if bf16 and linear._BFLOAT16_PRODUCT is None:
        pytest.skip("oneDNN has no bfloat16 product here")
    points = torch.randn(3000, 3)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        features, (sources, again) = first_stage.first_stage(points, make())
    assert features.dtype == (torch.bfloat16 if bf16 else torch.float32)
    assert torch.equal(again(*sources), features)
    assert torch.equal(again(points[1000:1700], *sources[1:]), features[1000:1700])
    assert not again(*sources).requires_grad


@pytest.mark.skipif(linear._BFLOAT16_PRODUCT is None, reason="oneDNN has no bfloat16 product here")
def test_in_bfloat16_autocast_gradients_are_near():
    results = []
    for bf16 in (False, True):
        layers, points = make(), torch.randn(500, 3, generator=torch.Generator().manual_seed(1))
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            features, _ = first_stage.first_stage(points, layers)
        results.append(torch.autograd.grad(features.float().square().sum(), [*layers.parameters()]))
    largest = max(float(gradient.abs().max()) for gradient in results[0])
    for exact, near in zip(*results, strict=True):
        assert near.dtype == torch.float32
        torch.testing.assert_close(near, exact, atol=0.03 * largest, rtol=0)


def test_only_the_points_are_kept_and_what_is_not_trained_has_no_gradient():
    layers, points = make(), torch.randn(5000, 3)
    layers[0].weight.requires_grad_(False)
    features, _ = first_stage.first_stage(points, layers)
    weights = sum(parameter.numel() for parameter in layers.parameters())
    assert sum(kept_by(features).values()) == 4 * (points.numel() + weights + 2 * 8)
    features.sum().backward()
    assert layers[0].weight.grad is None
    assert layers[3].weight.grad is not None
    assert not first_stage.first_stage(points, make(trained=False))[0].requires_grad


def test_anything_but_the_plain_layers_is_left_alone(monkeypatch):
    layers, points = make(), torch.randn(5, 3)
    assert not first_stage.applies(points.double(), layers)
    assert not first_stage.applies(points, layers[:3])
    layers[1] = nn.BatchNorm1d(8)
    assert not first_stage.applies(points, layers)
    monkeypatch.setattr(linear, "_WORTHWHILE", 1 << 18)
    assert not first_stage.applies(points, make())
