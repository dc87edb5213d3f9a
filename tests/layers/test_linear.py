import pytest
import torch
from torch.nn import functional as F

from pointlora.layers import linear as module
from pointlora.layers.linear import Linear, linear, linear_gelu, weight_gradient


@pytest.fixture(autouse=True, params=[False, True], ids=["oneDNN", "MKL"])
def product(request, monkeypatch):
    """Products of any size go to either library, whatever the processor."""
    monkeypatch.setattr(module, "_WORTHWHILE", 0)
    monkeypatch.setattr(module, "_MKL", request.param)


@pytest.mark.parametrize("shape", [(40, 12), (3, 5, 12), (2, 3, 4, 12)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("most_rows", [0, 1 << 14])
def test_values_and_gradients_equal_those_of_torch(monkeypatch, shape, bias, most_rows):
    monkeypatch.setattr(module, "_MOST_ROWS", most_rows)
    torch.manual_seed(0)
    layer, x = Linear(12, 20, bias=bias), torch.randn(shape, requires_grad=True)
    gradient = torch.randn(*shape[:-1], 20)
    inputs = [x, *layer.parameters()]
    ours, theirs = layer(x), F.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    for own, other in zip(*(torch.autograd.grad(y, inputs, gradient) for y in (ours, theirs)), strict=True):
        torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-5)


def test_frozen_weights_and_inputs_get_no_gradient():
    layer, x = Linear(12, 20), torch.randn(4, 12, requires_grad=True)
    layer.weight.requires_grad_(False)
    layer(x).sum().backward()
    assert layer.weight.grad is None
    torch.testing.assert_close(x.grad, layer.weight.sum(0).expand(4, 12), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(layer.bias.grad, torch.full((20,), 4.0))
    x.grad = None
    layer.weight.requires_grad_(True)
    layer(x.detach()).sum().backward()
    assert x.grad is None
    assert layer.weight.grad is not None


def test_other_types_and_autocast_take_the_usual_way():
    layer, x = Linear(12, 20), torch.randn(4, 12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert linear(x.double(), layer.weight.double()).dtype == torch.float64


def test_matrices_with_gaps_are_copied_first(monkeypatch):
    """oneDNN takes a thousand times as long for them."""
    monkeypatch.setattr(module, "_MKL", False)
    real, seen = module._PRODUCT, []

    def product(x, weight, *others):
        seen.extend([x, weight])
        return real(x, weight, *others)

    monkeypatch.setattr(module, "_PRODUCT", product)
    x, wide = torch.randn(8, 12, requires_grad=True), torch.randn(20, 24, requires_grad=True)
    found = linear(x, wide[:, 12:])
    found.mean().backward()  # its gradient is one number, expanded
    torch.testing.assert_close(found, x @ wide[:, 12:].t(), atol=1e-5, rtol=1e-5)
    assert len(seen) == 6
    assert all(matrix.is_contiguous() or matrix.t().is_contiguous() for matrix in seen)


def test_without_the_operator_it_is_torch_itself(monkeypatch):
    monkeypatch.setattr(module, "_PRODUCT", None)
    layer, x = Linear(12, 20), torch.randn(4, 12)
    assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias))


@pytest.mark.parametrize("grad", [False, True])
def test_gelu_of_a_layer_equals_both_in_turn(grad):
    torch.manual_seed(0)
    layer, x = Linear(12, 20), 4 * torch.randn(3, 50, 12)
    with torch.set_grad_enabled(grad):
        found = linear_gelu(x, layer)
    assert found.requires_grad is grad
    torch.testing.assert_close(found, F.gelu(F.linear(x, layer.weight, layer.bias)), atol=2e-6, rtol=1e-5)
    other = torch.nn.Linear(12, 20)
    torch.testing.assert_close(linear_gelu(x, other), F.gelu(other(x)))


@pytest.mark.parametrize("then", ["none", "relu", "gelu"])
@pytest.mark.parametrize("bias", [True, False])
def test_float32_stays_float32_in_autocast(then, bias):
    torch.manual_seed(0)
    rows, weight, shift = torch.randn(40, 3), torch.randn(20, 3), torch.randn(20) if bias else None
    with torch.autocast("cpu", torch.bfloat16):
        found = module.multiply(rows, weight, shift, then)
    expected = F.linear(rows, weight, shift)
    expected = {"none": expected, "relu": F.relu(expected), "gelu": F.gelu(expected)}[then]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("width", "width_in"), [(40, 64), (64, 40), (64, 3)])
def test_the_gradient_of_a_weight_is_a_sum_over_rows(width, width_in):
    torch.manual_seed(0)
    gradient, rows = torch.randn(500, width), torch.randn(500, width_in)
    found = weight_gradient(gradient, rows)
    expected = (gradient.double().t() @ rows.double()).float()
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-5)
    # Otherwise torch copies it when it stores it; of a narrow one that takes no time.
    assert found.is_contiguous() or width_in < 32
