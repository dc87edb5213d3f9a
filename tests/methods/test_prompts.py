import pytest
import torch

from pointlora.methods.prompts import PromptBranch, PromptMlp, SharedPrompts
from pointlora.models.method import TokenSequence


def test_each_kind_of_token_gets_its_own_prompt():
    torch.manual_seed(0)
    prompts = SharedPrompts(12, 4, {"qkv": 36}, zero_init=False)
    tokens = torch.randn(2, 1 + 5 + 3, 12)
    sequence = TokenSequence(tokens, torch.zeros_like(tokens), num_prefix=1, num_patches=5)
    found = prompts(sequence)
    assert torch.equal(found[:, :1], tokens[:, :1])
    torch.testing.assert_close(found[:, 1:6], tokens[:, 1:6] + prompts.patch(tokens[:, 1:6]))
    torch.testing.assert_close(found[:, 6:], tokens[:, 6:] + prompts.selected(tokens[:, 6:]))
    assert prompts.layers["qkv"](tokens).shape == (2, 9, 36)


@pytest.mark.parametrize("zero_init", [False, True])
def test_initialisation(zero_init):
    torch.manual_seed(0)
    mlp = PromptMlp(384, 32, 384, zero_init)
    assert mlp.first.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert mlp.first.bias.abs().max() == 0
    assert mlp.last.bias.abs().max() == 0
    assert (mlp(torch.randn(3, 384)).abs().max() == 0) == zero_init


def test_a_branch_is_gate_times_the_shared_mlp_and_owns_only_the_gate():
    torch.manual_seed(0)
    mlp, x = PromptMlp(6, 4, 10, zero_init=False), torch.randn(3, 6)
    branch = PromptBranch(mlp)
    torch.testing.assert_close(branch.added(x), mlp(x))
    torch.nn.init.constant_(branch.gate, 0.25)
    torch.testing.assert_close(branch(x, torch.ones(3, 10)), 1 + 0.25 * mlp(x))
    assert [name for name, _ in branch.named_parameters()] == ["gate"]
    assert not branch.gate.requires_grad
