import pytest
import torch
from torch import nn

from pointlora.layers.linear import Linear
from pointlora.layers.recomputation import is_recomputed, keep, kept, recipe, recipe_of, remember


class Squared(torch.autograd.Function):
    """x squared; its gradient is that of weight 1."""

    @staticmethod
    def forward(ctx, x, found):
        keep(ctx, x, found, None)
        return x.square()

    @staticmethod
    def backward(ctx, gradient):
        (nothing,), make = kept(ctx, 1)
        assert nothing is None
        return 2 * gradient * make(), None


def test_a_tensor_with_a_recipe_is_made_again_instead_of_kept():
    x = torch.randn(100, requires_grad=True)
    made, doubled = [], 2 * x

    def double(source):
        made.append(source)
        return 2 * source

    remember(doubled, recipe((x,), double))
    squared = Squared.apply(doubled, recipe_of(doubled))
    assert [tensor.data_ptr() for tensor in squared.grad_fn.saved_tensors[1:]] == [x.data_ptr()]
    assert not made
    squared.sum().backward()
    torch.testing.assert_close(x.grad, 8 * x.detach())
    assert len(made) == 1
    assert not made[0].requires_grad


def test_without_a_recipe_it_is_kept():
    x = torch.randn(100, requires_grad=True)
    assert recipe_of(x) is None
    Squared.apply(x, None).sum().backward()
    torch.testing.assert_close(x.grad, 2 * x.detach())


def test_views_have_no_recipe():
    x = remember(torch.randn(4, 3), recipe((), lambda: torch.zeros(4, 3)))
    assert recipe_of(x) is not None
    assert recipe_of(x.view(3, 4)) is None
    assert recipe_of(x + 1) is None


def test_a_recipe_dies_with_the_first_change_in_place():
    x = remember(torch.randn(4, 3), recipe((), lambda: torch.zeros(4, 3)))
    x.view(-1)[0] = 1
    assert recipe_of(x) is None


def test_a_source_that_was_changed_in_place_is_noticed():
    x, source = torch.randn(5, requires_grad=True), torch.randn(5)
    squared = Squared.apply(x, recipe((source,), torch.clone))
    source.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        squared.sum().backward()


def test_when_a_part_is_recomputed():
    layer, x = Linear(3, 4), torch.randn(2, 3, requires_grad=True)
    assert not is_recomputed(True, layer, x)  # trained
    layer.requires_grad_(False)
    assert is_recomputed(True, layer, x)
    assert is_recomputed(True, layer, x.detach(), x)
    assert is_recomputed(True, nn.ReLU(), x)
    assert not is_recomputed(False, layer, x)
    assert not is_recomputed(True, layer, x.detach())  # no gradient goes through it
    with torch.no_grad():
        assert not is_recomputed(True, layer, x)
    layer.bias.requires_grad_(True)
    assert not is_recomputed(True, layer, x)
