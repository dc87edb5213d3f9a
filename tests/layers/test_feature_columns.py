import pytest
import torch
from torch import nn

from pointlora.layers import feature_columns, linear
from pointlora.layers.batch_norm import RowBatchNorm
from pointlora.layers.feature_linear import FeatureLinear
from pointlora.layers.linear import Linear
from pointlora.models.tokenizer import Tokenizer


@pytest.fixture(autouse=True)
def products_of_every_size(monkeypatch):
    monkeypatch.setattr(linear, "_WORTHWHILE", 0)


def make(num_features=2, trained=("first_conv.0.features",)):
    torch.manual_seed(0)
    tokenizer = Tokenizer((8, 12, 16), 10, num_features=num_features).eval()
    for name, parameter in tokenizer.named_parameters():
        nn.init.normal_(parameter)
        parameter.requires_grad_(name in trained)
    for module in tokenizer.modules():
        if isinstance(module, RowBatchNorm):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return tokenizer


def by_definition(tokenizer, patches):
    """Layer by layer in float64."""

    def through(layers, rows):
        enter, norm, _, last = layers
        weight = torch.cat([enter.weight, enter.features], 1) if isinstance(enter, FeatureLinear) else enter.weight
        rows = nn.functional.linear(rows, weight.double(), enter.bias.double())
        statistics = norm.running_mean.double(), norm.running_var.double()
        rows = nn.functional.batch_norm(rows, *statistics, norm.weight.double(), norm.bias.double(), eps=norm.eps)
        return nn.functional.linear(rows.relu(), last.weight.double(), last.bias.double())

    batch, groups, points, _ = patches.shape
    features = through(tokenizer.first_conv, patches.double().flatten(0, 2)).view(batch * groups, points, -1)
    joined = torch.cat([features.amax(1, keepdim=True).expand_as(features), features], -1).flatten(0, 1)
    return through(tokenizer.second_conv, joined).view(batch, groups, points, -1).amax(2)


@pytest.mark.parametrize("block", [1, 300, 1 << 19])
def test_tokens_and_the_gradient_equal_the_definition(monkeypatch, block):
    monkeypatch.setattr(feature_columns, "_BLOCK", block)
    tokenizer, patches, gradient = make(), torch.randn(3, 5, 7, 5), torch.randn(3, 5, 10)
    columns = tokenizer.first_conv[0].features
    assert feature_columns.applies(patches, tokenizer.first_conv, tokenizer.second_conv)
    expected = by_definition(tokenizer, patches)
    (wanted,) = torch.autograd.grad(expected, columns, gradient.double())
    tokens = tokenizer(patches)
    assert type(tokens.grad_fn.next_functions[0][0]).__name__ == "_TokensBackward"
    (found,) = torch.autograd.grad(tokens, columns, gradient)
    torch.testing.assert_close(tokens, expected.float(), atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(found, wanted.float(), atol=1e-3, rtol=1e-5)
    assert found.abs().max() > 1


def test_in_bfloat16_it_is_near():
    tokenizer, patches = make(), torch.randn(3, 5, 7, 5)
    columns = tokenizer.first_conv[0].features
    (wanted,) = torch.autograd.grad(by_definition(tokenizer, patches).sum(), columns)
    with torch.autocast("cpu", torch.bfloat16):
        tokens = tokenizer(patches)
    (found,) = torch.autograd.grad(tokens.sum(), columns)
    assert found.dtype == torch.float32
    # Where two points are nearly level, the maximum may stand at the other one.
    assert torch.nn.functional.cosine_similarity(found.flatten(), wanted.float().flatten(), 0) > 0.95


def test_trained_columns_are_seen_at_once():
    tokenizer, patches = make(), torch.randn(3, 5, 7, 5)
    tokenizer(patches)
    with torch.no_grad():
        tokenizer.first_conv[0].features.mul_(2)
    torch.testing.assert_close(tokenizer(patches), by_definition(tokenizer, patches).float(), atol=1e-4, rtol=1e-5)


def test_it_keeps_far_less_than_the_layers_would():
    tokenizer, patches = make(), torch.randn(3, 5, 7, 5)
    kept = tokenizer(patches).grad_fn.next_functions[0][0].saved_tensors
    own = sum(tensor.nbytes for tensor in kept if tensor.data_ptr() != patches.data_ptr())
    assert own < 3 * 5 * 7 * 16 * 4  # the hidden layer of the second stage alone, in float32


@pytest.mark.parametrize("change", ["weight", "statistics", "patches", "no features", "no gradient", "hook"])
def test_anything_else_is_left_to_the_other_ways(change):
    tokenizer, patches = make(0 if change == "no features" else 2), torch.randn(3, 5, 7, 5)
    if change == "weight":
        tokenizer.second_conv[3].weight.requires_grad_()
    if change == "statistics":
        tokenizer.second_conv[1].train()
    if change == "patches":
        patches.requires_grad_()
    if change == "hook":
        tokenizer.first_conv[0].register_forward_hook(lambda *_: None)
    with torch.set_grad_enabled(change != "no gradient"):
        assert not feature_columns.applies(patches, tokenizer.first_conv, tokenizer.second_conv)


def test_layers_are_known_by_their_kinds():
    class Other(Linear):
        pass

    tokenizer, patches = make(), torch.randn(3, 5, 7, 5)
    tokenizer.second_conv[3] = Other(16, 10).requires_grad_(False)
    assert not feature_columns.applies(patches, tokenizer.first_conv, tokenizer.second_conv)
