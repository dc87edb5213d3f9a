import copy

import pytest
import torch

from pointlora.layers import frozen_mlp, linear
from pointlora.layers.mlp import Mlp
from pointlora.layers.norm import Norm

needs_bfloat16 = pytest.mark.skipif(linear._BFLOAT16_PRODUCT is None, reason="oneDNN has no bfloat16 product here")


@pytest.fixture(params=["products", "torch alone"])
def _products(request, monkeypatch):
    """With the library's own products for every size, and without them, as on other devices."""
    monkeypatch.setattr(linear, "_WORTHWHILE", 0)
    if request.param == "torch alone":
        monkeypatch.setattr(linear, "_PRODUCT", None)
        monkeypatch.setattr(linear, "_BFLOAT16_PRODUCT", None)


def make(trained=False):
    torch.manual_seed(0)
    mlp = Mlp(12, 48)
    for parameter in mlp.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return mlp.requires_grad_(trained)


def run(mlp, tokens, bf16=False):
    """Result, gradient of the tokens, and the bytes of what is kept besides parameters."""
    tokens = tokens.detach().requires_grad_()
    own = {parameter.untyped_storage().data_ptr() for parameter in mlp.parameters()}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    context = torch.autocast("cpu", torch.bfloat16, enabled=bf16)
    with context, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = mlp(tokens)
    result.float().sin().sum().backward()
    return result.detach(), tokens.grad, sum(kept.values())


def recomputing(mlp):
    mlp = copy.deepcopy(mlp)
    mlp.recomputes = True
    return mlp


@pytest.mark.parametrize("shape", [(40, 12), (3, 50, 12), (2, 3, 7, 12)])
@pytest.mark.parametrize("block", [1, 480, 1 << 19])
@pytest.mark.usefixtures("_products")
def test_results_and_gradients_are_equal(monkeypatch, shape, block):
    monkeypatch.setattr(frozen_mlp, "_BLOCK", block)
    mlp, tokens = make(), torch.randn(shape)
    usual, again = run(mlp, tokens), run(recomputing(mlp), tokens)
    torch.testing.assert_close(again[0], usual[0], atol=5e-6, rtol=1e-6)
    torch.testing.assert_close(again[1], usual[1], atol=5e-6, rtol=1e-6)


@needs_bfloat16
@pytest.mark.usefixtures("_products")
def test_results_and_gradients_in_bfloat16_are_equal():
    mlp, tokens = make(), torch.randn(3, 50, 12)
    usual, again = run(mlp, tokens, bf16=True), run(recomputing(mlp), tokens, bf16=True)
    assert again[0].dtype == torch.bfloat16
    torch.testing.assert_close(again[0], usual[0], atol=0.01, rtol=0.01)
    torch.testing.assert_close(again[1], usual[1], atol=0.01, rtol=0.01)


@pytest.mark.usefixtures("_products")
def test_only_the_input_is_kept():
    mlp, tokens = make(), torch.randn(3, 50, 12)
    assert run(mlp, tokens)[2] >= 4 * 4 * tokens.numel()
    assert run(recomputing(mlp), tokens)[2] == 4 * tokens.numel()


@pytest.mark.usefixtures("_products")
def test_trained_layers_are_computed_as_usual():
    mlp, tokens = make(), torch.randn(3, 50, 12)
    mlp.fc2.bias.requires_grad_(True)
    usual, again = mlp, recomputing(mlp)
    assert run(usual, tokens)[2] == run(again, tokens)[2]
    assert torch.equal(again.fc2.bias.grad, usual.fc2.bias.grad)


def test_of_tokens_from_a_norm_only_the_norms_input_is_kept(monkeypatch):
    monkeypatch.setattr(linear, "_WORTHWHILE", 0)
    norm, mlp = Norm(12).requires_grad_(False), recomputing(make())
    tokens = torch.randn(3, 50, 12, requires_grad=True)
    kept = {}

    def pack(tensor):
        kept[tensor.untyped_storage().data_ptr()] = tensor.shape
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = mlp(norm(tokens))
    assert [shape for shape in kept.values() if shape.numel() == tokens.numel()] == [tokens.shape]
    assert tokens.untyped_storage().data_ptr() in kept
    result.sum().backward()
    found, tokens.grad = tokens.grad, None
    make()(torch.nn.functional.layer_norm(tokens, (12,))).sum().backward()
    torch.testing.assert_close(found, tokens.grad, atol=1e-5, rtol=1e-5)


def test_compiled_it_is_one_graph_of_the_usual_operations():
    mlp, tokens = recomputing(make()), torch.randn(3, 50, 12)
    compiled = torch.compile(mlp, fullgraph=True, backend="eager")
    usual, again = run(make(), tokens), run(compiled, tokens)
    torch.testing.assert_close(again[1], usual[1], atol=1e-6, rtol=1e-6)
    torch._dynamo.reset()
