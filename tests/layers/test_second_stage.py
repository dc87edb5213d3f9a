import copy

import pytest
import torch
from torch import nn

from pointlora.layers import linear, second_stage
from pointlora.layers.batch_norm import RowBatchNorm
from pointlora.layers.linear import Linear
from pointlora.layers.recomputation import recipe
from pointlora.layers.second_stage import spread


@pytest.fixture(autouse=True)
def products_of_every_size(monkeypatch):
    monkeypatch.setattr(linear, "_WORTHWHILE", 0)


def make(trained, batch_statistics):
    torch.manual_seed(0)
    layers = nn.Sequential(Linear(12, 10), RowBatchNorm(10), nn.ReLU(inplace=True), Linear(10, 8))
    for parameter in layers.parameters():
        nn.init.normal_(parameter)
        parameter.requires_grad_(trained)
    layers[1].running_mean.normal_()
    layers[1].running_var.uniform_(0.5, 2)
    return layers.train(batch_statistics)


def by_definition(features, layers):
    """The maximum joined to every point's features, layer by layer."""
    joined = torch.cat([features.amax(1, keepdim=True).expand_as(features), features], -1)
    rows = layers[0](joined).flatten(0, 1)
    norm = nn.BatchNorm1d(10).train(layers.training)
    norm.load_state_dict(layers[1].state_dict())
    rows = torch.nn.functional.batch_norm(
        rows, norm.running_mean, norm.running_var, layers[1].weight, layers[1].bias, layers.training
    )
    return layers[3](rows.relu()).unflatten(0, features.shape[:2]).amax(1), norm


@pytest.mark.parametrize("batch_statistics", [True, False])
@pytest.mark.parametrize("trained", [True, False])
@pytest.mark.parametrize("block", [1, 200, 1 << 18])
def test_tokens_gradients_and_statistics_equal_the_definition(monkeypatch, block, trained, batch_statistics):
    monkeypatch.setattr(second_stage, "_BLOCK", block)
    layers = make(trained, batch_statistics)
    features = torch.randn(7, 5, 6, requires_grad=True)
    gradient = torch.randn(7, 8)
    inputs = [features, *(parameter for parameter in layers.parameters() if parameter.requires_grad)]
    expected, norm = by_definition(features, layers)
    wanted = torch.autograd.grad(expected, inputs, gradient)
    assert second_stage.applies(features, layers)
    tokens = second_stage.second_stage(features, layers)
    torch.testing.assert_close(tokens, expected, atol=1e-5, rtol=1e-5)
    for found, right in zip(torch.autograd.grad(tokens, inputs, gradient), wanted, strict=True):
        torch.testing.assert_close(found, right, atol=2e-4, rtol=1e-4)
    torch.testing.assert_close(layers[1].running_mean, norm.running_mean)
    torch.testing.assert_close(layers[1].running_var, norm.running_var)


@pytest.mark.skipif(linear._BFLOAT16_PRODUCT is None, reason="oneDNN has no bfloat16 product here")
def test_in_bfloat16_autocast_tokens_and_gradients_are_near(monkeypatch):
    monkeypatch.setattr(second_stage, "_BLOCK", 200)
    results = []
    for bf16 in (False, True):
        layers, features = make(True, True), torch.randn(64, 16, 6, generator=torch.Generator().manual_seed(1))
        features.requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            tokens = second_stage.second_stage(features, layers)
        assert tokens.dtype == (torch.bfloat16 if bf16 else torch.float32)
        gradients = torch.autograd.grad(tokens.float().sin().sum(), [features, *layers.parameters()])
        results.append((tokens.detach().float(), gradients))
    (tokens, gradients), (near, others) = results
    torch.testing.assert_close(near, tokens, atol=0.1, rtol=0.03)
    for gradient, other in zip(gradients, others, strict=True):
        assert other.dtype == torch.float32
        # Maxima that nearly tie may change places.
        assert torch.linalg.vector_norm(gradient - other) <= 0.3 * torch.linalg.vector_norm(gradient) + 0.3


def test_only_joined_features_and_indices_are_kept_of_a_frozen_stage():
    layers = make(False, True)
    tokens = second_stage.second_stage(torch.randn(7, 5, 6, requires_grad=True), layers)
    kept = sum(tensor.numel() * tensor.element_size() for tensor in tokens.grad_fn.saved_tensors if tensor is not None)
    weights = sum(parameter.numel() for parameter in layers.parameters())
    assert kept <= 4 * (7 * 5 * 10 + weights + 2 * 10) + 7 * 8 + 7 * 6


@pytest.mark.parametrize("batch_statistics", [True, False])
@pytest.mark.parametrize("bf16", [False, True])
def test_with_a_recipe_joined_features_are_made_again(monkeypatch, batch_statistics, bf16):
    if bf16 and linear._BFLOAT16_PRODUCT is None:
        pytest.skip("oneDNN has no bfloat16 product here")
    monkeypatch.setattr(second_stage, "_BLOCK", 200)
    features, rows = torch.randn(7, 5, 6, requires_grad=True), []

    def again(points):
        rows.append(len(points))
        return points

    results = []
    for found in (None, recipe((features.flatten(0, 1),), again)):
        layers = make(False, batch_statistics)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            tokens = second_stage.second_stage(features, layers, found)
        kept = {t.data_ptr(): t.numel() * t.element_size() for t in tokens.grad_fn.saved_tensors if t is not None}
        (gradient,) = torch.autograd.grad(tokens.float().sin().sum(), features)
        results.append((tokens, gradient, layers[1].running_mean, layers[1].running_var, sum(kept.values())))
    for usual, made in zip(results[0][:4], results[1][:4], strict=True):
        assert torch.equal(usual, made)
    assert sum(rows) == 7 * 5
    assert max(rows) < 7 * 5
    size = 2 if bf16 else 4
    joined, pooled, source = 7 * 5 * 10 * size, 7 * 10 * size, 7 * 5 * 6 * 4
    assert results[0][4] - results[1][4] == joined - pooled - source


def test_anything_but_the_plain_layers_is_left_alone():
    layers, features = make(True, True), torch.randn(2, 5, 6)
    assert not second_stage.applies(features.double(), layers)
    assert not second_stage.applies(features.expand(2, 5, 6).repeat(1, 60, 1), layers)
    other = copy.deepcopy(layers)
    other[1] = nn.BatchNorm1d(10)
    assert not second_stage.applies(features, other)


def test_spread_equals_the_product_with_the_scattered_gradient():
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(0, 5, (7, 9), generator=generator, dtype=torch.uint8)
    gradient, weight = torch.randn(7, 9, generator=generator), torch.randn(9, 4, generator=generator)
    scattered = torch.zeros(7, 5, 9).scatter_(1, index.long()[:, None], gradient[:, None])
    torch.testing.assert_close(spread(gradient, index, 5, weight), scattered.flatten(0, 1) @ weight)


@pytest.mark.parametrize("matrix_units", [False, True])
def test_spread_in_bfloat16_is_the_same_with_and_without_matrix_units(monkeypatch, matrix_units):
    if matrix_units and linear._BFLOAT16_PRODUCT is None:
        pytest.skip("oneDNN has no bfloat16 product here, with which matrix units would be used")
    monkeypatch.setattr(linear, "HAS_MATRIX_UNITS", matrix_units)
    torch.manual_seed(0)
    points = 200
    gradient, weight = torch.randn(9, 30).bfloat16(), torch.randn(30, 12).bfloat16()
    index = torch.randint(0, points, (9, 30), dtype=torch.uint8)
    scattered = torch.zeros(9, points, 30).scatter_(1, index.long()[:, None], gradient.float()[:, None])
    expected = scattered.flatten(0, 1) @ weight.float()
    torch.testing.assert_close(spread(gradient, index, points, weight).float(), expected, atol=0.02, rtol=0.01)
