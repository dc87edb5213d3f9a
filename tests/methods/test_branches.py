import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from pointlora import apply_method, create_model
from pointlora.errors import AdapterError
from pointlora.methods.branches import Branch, BranchedLinear, Tap, add_branch, stacked
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


def test_a_replaced_layer_keeps_its_hooks():
    model, calls = create_model("point_mae_tiny", num_classes=3).eval(), []
    layer = model.blocks[0].attn.qkv
    handle = layer.register_forward_hook(lambda module, inputs, output: calls.append(output) or 2 * output)
    layer.register_forward_pre_hook(lambda module, inputs: calls.append("before"))
    apply_method(model, "lora")
    branched, x = model.blocks[0].attn.qkv, torch.randn(2, layer.in_features)
    assert type(branched) is BranchedLinear
    assert torch.equal(branched(x), 2 * calls[1])
    assert calls[0] == "before"
    handle.remove()
    assert torch.equal(branched(x), calls[1])


class Doubled(Branch):
    def forward(self, x, y):
        return 2 * y


@pytest.mark.parametrize("name", ["blocks.0.norm1", "blocks.0.attn", "blocks.0.attn.proj", "blocks.0.mlp", "norm"])
def test_hooks_of_a_layer_see_what_its_branches_return_whether_older_or_newer(name):
    torch.manual_seed(0)
    model, seen = create_model("point_mae_tiny", num_classes=3).eval(), []
    layer, x = model.get_submodule(name), torch.randn(2, 5, model.sizes.embed_dim)
    plain = layer(x)
    layer.register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
    add_branch(model, name, "first", Doubled())
    model.get_submodule(name).register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
    add_branch(model, name, "second", Doubled())
    assert torch.equal(model.get_submodule(name)(x), 4 * plain)
    assert len(seen) == 2
    assert all(torch.equal(output, 4 * plain) for output in seen)


@pytest.mark.parametrize(
    ("layer", "name", "branch", "message"),
    [
        ("blocks.0.norm1", "first", Tap(), "blocks.0.norm1 has a branch 'first' already: give each branch of a layer"),
        ("blocks.0.attn.qkv", "first", Tap(), "blocks.0.attn.qkv has a branch 'first' already"),
        ("blocks.0.attn.qvk", "b", Tap(), "'blocks.0.attn.qvk' is no layer of the model: did you mean 'blocks.0.attn."),
        ("", "b", Tap(), "'' is no layer of the model"),
        ("blocks", "b", Tap(), "blocks is a ModuleList, which is never called"),
        (
            "norm",
            "b",
            nn.Linear(2, 2),
            r"'b' of norm is a Linear, but a branch must be of a class below .*Branch, with",
        ),
        ("norm", "a.b", Tap(), "'a.b' can't name a branch of norm"),
        ("norm", "keys", Tap(), "'keys' can't name a branch of norm"),
    ],
)
def test_a_branch_that_cannot_be_hung_is_named(layer, name, branch, message):
    model = create_model("point_mae_tiny", num_classes=3)
    for each in ("blocks.0.norm1", "blocks.0.attn.qkv"):
        add_branch(model, each, "first", Tap())
    before = [key for key, _ in model.named_modules()]
    with pytest.raises(AdapterError, match=message):
        add_branch(model, layer, name, branch)
    assert [key for key, _ in model.named_modules()] == before


class Halved(nn.Linear):
    def forward(self, x):
        return super().forward(x) / 2


@pytest.mark.parametrize(
    "change",
    [
        lambda block: parametrizations.weight_norm(block.attn.qkv),
        lambda block: prune.l1_unstructured(block.attn.qkv, "weight", 0.5),
        lambda block: setattr(block.attn, "qkv", Halved(block.attn.qkv.in_features, block.attn.qkv.out_features)),
    ],
)
def test_a_layer_that_computes_something_else_is_refused(change):
    model = create_model("point_mae_tiny", num_classes=3)
    change(model.blocks[0])
    with pytest.raises(AdapterError, match=r"blocks.0.attn.qkv is a .*apply the method first"):
        apply_method(model, "lora")


def test_hooks_on_shared_prompts_are_called():
    model, calls = apply_method(create_model("point_mae_tiny", num_classes=3), "pointlora").eval(), []
    for part in ("method.prompts.layers.qkv.0", "method.prompts.patch.1", "blocks.0.attn.qkv.branches.lora"):
        model.get_submodule(part).register_forward_hook(lambda module, inputs, output, part=part: calls.append(part))
    with torch.no_grad():
        model(torch.randn(2, 256, 3))
    depth = len(model.blocks)
    assert calls.count("method.prompts.layers.qkv.0") == calls.count("method.prompts.patch.1") == depth
    assert calls.count("blocks.0.attn.qkv.branches.lora") == 1
