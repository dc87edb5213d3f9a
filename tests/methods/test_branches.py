import pytest
import torch
from torch import nn

from pointlora.methods.branches import BranchedLinear, stacked
from pointlora.methods.lora import LoraBranch
from pointlora.methods.prompts import PromptBranch, PromptMlp


@pytest.fixture
def layer():
    torch.manual_seed(0)
    layer = BranchedLinear(nn.Linear(12, 20))
    layer.branches["lora"] = lora = LoraBranch(layer, rank=3, scaling=0.5)
    layer.branches["prompt"] = prompt = PromptBranch(PromptMlp(12, 8, 20, zero_init=False))
    nn.init.normal_(lora.B)
    nn.init.normal_(prompt._shared[0].last.bias)
    nn.init.constant_(prompt.gate, 0.7)
    return layer


def test_stacked_branches_equal_their_sum_with_gradients(layer):
    x = torch.randn(4, 5, 12, requires_grad=True)
    branches = list(layer.branches.values())
    trained = [x, branches[0].A, branches[0].B, *branches[1]._shared[0].parameters()]
    together, apart = stacked(branches, x), branches[1](x, branches[0].added(x))
    torch.testing.assert_close(together, apart)
    for own, other in zip(*(torch.autograd.grad(y.sin().sum(), trained) for y in (together, apart)), strict=True):
        torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-4)


def test_layer_is_weight_plus_branches(layer):
    x = torch.randn(4, 12)
    lora, prompt = layer.branches.values()
    expected = x @ layer.weight.T + layer.bias + 0.5 * x @ lora.A.T @ lora.B.T + 0.7 * prompt._shared[0](x)
    torch.testing.assert_close(layer(x), expected)


def test_a_merged_branch_adds_nothing_and_dropout_is_not_stacked(layer):
    lora = layer.branches["lora"]
    assert lora.active
    assert lora.stacks
    lora.merged = True
    assert not lora.active
    lora.dropout.p = 0.5
    assert not lora.stacks
    assert lora.eval().stacks
