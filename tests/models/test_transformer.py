import math

import pytest
import torch

from pointlora.layers import linear
from pointlora.layers.attention import Attention, attend
from pointlora.layers.drop_path import DropPath, drop_path_rates
from pointlora.layers.norm import Norm
from pointlora.layers.recomputation import recipe_of
from pointlora.models.transformer import Block, DecoderBlock


@pytest.mark.parametrize("causal", [False, True])
def test_attention_equals_its_definition(causal):
    torch.manual_seed(0)
    attention = Attention(12, 3, qkv_bias=True, causal=causal)
    tokens = torch.randn(2, 5, 12)
    queries, keys, values = (part.unflatten(-1, (3, 4)) for part in attention.qkv(tokens).chunk(3, -1))
    weights = torch.einsum("bqhd,bkhd->bhqk", queries, keys) / math.sqrt(4)
    if causal:
        weights = weights.masked_fill(torch.ones(5, 5).triu(1).bool(), -torch.inf)
    mixed = torch.einsum("bhqk,bkhd->bqhd", weights.softmax(-1), values).flatten(2)
    torch.testing.assert_close(attention(tokens), attention.proj(mixed), atol=1e-6, rtol=0)


def test_drop_path_drops_whole_samples_and_keeps_the_mean():
    torch.manual_seed(0)
    dropped = DropPath(0.25).train()(torch.ones(4000, 2, 3))
    values = dropped.flatten(1)
    assert (values == values[:, :1]).all()
    torch.testing.assert_close(values.unique(), torch.tensor([0, 1 / 0.75]))
    assert values.mean().item() == pytest.approx(1, abs=0.03)
    assert torch.equal(DropPath(0.25).eval()(torch.ones(3, 2)), torch.ones(3, 2))


def test_drop_path_rates_grow_linearly():
    assert drop_path_rates(0.3, 4) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert drop_path_rates(0.3, 1) == [0]


def test_block_is_pre_norm_with_residuals():
    torch.manual_seed(0)
    block = Block(12, 3).eval()
    tokens = torch.randn(1, 4, 12)
    middle = tokens + block.attn(block.norm1(tokens))
    torch.testing.assert_close(block(tokens), middle + block.mlp(block.norm2(middle)))


@pytest.mark.parametrize("causal", [False, True])
def test_attention_in_bfloat16_equals_the_fused_kernel(causal):
    generator = torch.Generator().manual_seed(0)
    queries, keys, values = (
        torch.randn(2, 3, 40, 16, generator=generator).bfloat16().requires_grad_() for _ in range(3)
    )
    ours = attend(queries, keys, values, causal)
    exact = torch.nn.functional.scaled_dot_product_attention(
        queries.float(), keys.float(), values.float(), is_causal=causal
    )
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.float(), exact, atol=0.02, rtol=0.02)
    gradients = [torch.autograd.grad(value.float().square().sum(), queries)[0] for value in (ours, exact)]
    torch.testing.assert_close(*gradients, atol=0.1, rtol=0.05)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_weights_made_again_give_the_same_for_less_memory(causal):
    generator = torch.Generator().manual_seed(0)
    packed = torch.randn(3, 2, 3, 40, 16, generator=generator).bfloat16()
    results = []
    for again in (False, True):
        inputs, kept = packed.clone().requires_grad_(), {}

        def pack(tensor, kept=kept):
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            mixed = attend(*inputs.unbind(0), causal, again)
        mixed.float().square().sum().backward()
        results.append((mixed, inputs.grad, sum(kept.values())))
    assert torch.equal(results[0][0], results[1][0])
    torch.testing.assert_close(results[1][1], results[0][1], atol=1e-2, rtol=1e-2)
    assert results[1][2] == packed.numel() * 2
    assert results[0][2] >= results[1][2] + 2 * 3 * 40 * 40 * 2


def test_attention_of_trained_projections_keeps_its_weights():
    attention, tokens = Attention(16, 2).bfloat16(), torch.randn(2, 5, 16).bfloat16().requires_grad_()
    attention.recomputes = True
    nodes = []
    for trained in (True, False):
        attention.requires_grad_(trained)
        found, todo = set(), [attention(tokens).grad_fn]
        while todo:
            node = todo.pop()
            found.add(type(node).__name__)
            todo += [following for following, _ in node.next_functions if following is not None]
        nodes.append(found)
    assert "SoftmaxBackward0" in nodes[0]
    assert "_AttendBackward" in nodes[1]
    assert "SoftmaxBackward0" not in nodes[1]


def make_norm(trained):
    torch.manual_seed(0)
    norm = Norm(12)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    return norm.requires_grad_(trained)


@pytest.mark.parametrize("bf16", [False, True])
def test_a_frozen_norm_is_a_norm_and_can_be_made_again(bf16):
    norm, tokens = make_norm(False), torch.randn(3, 5, 12)
    tokens = (tokens.bfloat16() if bf16 else tokens).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        normalized, expected = norm(tokens), torch.nn.LayerNorm.forward(norm, tokens)
    assert torch.equal(normalized, expected)
    sources, make = recipe_of(normalized)
    assert torch.equal(make(*sources), normalized)
    gradients = [torch.autograd.grad(y.float().sin().sum(), tokens)[0] for y in (normalized, expected)]
    assert gradients[0].dtype == tokens.dtype
    torch.testing.assert_close(*gradients, atol=0.02 if bf16 else 1e-6, rtol=0)


def test_a_norm_that_is_trained_or_has_no_gradient_is_computed_as_usual():
    tokens = torch.randn(3, 12, requires_grad=True)
    assert recipe_of(make_norm(True)(tokens)) is None
    assert recipe_of(make_norm(False)(tokens.detach())) is None
    with torch.no_grad():
        assert recipe_of(make_norm(False)(tokens)) is None


def test_a_trained_layer_behind_a_frozen_norm_keeps_the_norms_input(monkeypatch):
    monkeypatch.setattr(linear, "_WORTHWHILE", 0)
    norm, layer, tokens = make_norm(False), linear.Linear(12, 4), torch.randn(3, 5, 12, requires_grad=True)
    result = layer(norm(tokens))
    kept = result.grad_fn.next_functions[0][0].saved_tensors
    assert tokens.data_ptr() in [tensor.data_ptr() for tensor in kept]
    gradient = torch.randn(3, 5, 4)
    found = torch.autograd.grad(result, [tokens, *layer.parameters()], gradient)
    usual = torch.nn.functional.linear(torch.nn.LayerNorm.forward(norm, tokens), layer.weight, layer.bias)
    for own, other in zip(found, torch.autograd.grad(usual, [tokens, *layer.parameters()], gradient), strict=True):
        torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bf16", [False, True])
def test_the_last_tokens_alone_are_those_of_the_whole_block(bf16):
    torch.manual_seed(0)
    block = DecoderBlock(24, 3)
    tokens, weight = torch.randn(2, 9, 24), torch.randn(2, 4, 24)
    results = []
    for last in (None, 4):
        rows = tokens.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            result = block(rows, last)[:, -4:]
        results.append([result, *torch.autograd.grad((result * weight).sum(), [rows, *block.parameters()])])
    assert results[1][0].shape == (2, 4, 24)
    for whole, alone in zip(*results, strict=True):
        torch.testing.assert_close(alone, whole, atol=0.05 if bf16 else 1e-5, rtol=0.05 if bf16 else 1e-5)
