import math

import pytest
import torch

from pointlora.models.transformer import Attention, Block, DropPath, attend, drop_path_rates


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
