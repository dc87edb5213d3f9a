import pytest
import torch

from clouds import random_clouds
from pointlora.errors import ShapeError
from pointlora.ops.chamfer import chamfer_distance, chamfer_distance_reference


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_equals_the_reference_with_its_gradient(norm):
    predicted, target = random_clouds(3, 20).requires_grad_(), random_clouds(3, 31, seed=1)
    value = chamfer_distance(predicted, target, norm)
    reference = chamfer_distance_reference(predicted, target, norm)
    torch.testing.assert_close(value.double(), reference, rtol=1e-6, atol=0)
    gradient = torch.autograd.grad(value, predicted)[0]
    expected = torch.autograd.grad(reference, predicted)[0]
    torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-8)


def test_by_hand():
    predicted = torch.tensor([[[0.0, 0, 0], [4.0, 0, 0]]])
    target = torch.tensor([[[1.0, 0, 0]]])
    assert chamfer_distance(predicted, target, "l2").item() == pytest.approx((1 + 9) / 2 + 1)
    assert chamfer_distance(predicted, target, "l1").item() == pytest.approx(((1 + 3) / 2 + 1) / 2)


def test_equal_sets_have_distance_and_gradient_zero():
    points = random_clouds(1, 16).requires_grad_()
    value = chamfer_distance(points, points.detach(), "l1")
    value.backward()
    assert value.item() == 0
    assert points.grad.abs().max() == 0


def test_bad_input_is_named():
    with pytest.raises(ShapeError, match="'l3'"):
        chamfer_distance(random_clouds(1, 4), random_clouds(1, 4), "l3")
    with pytest.raises(ShapeError, match="2 clouds and target 1"):
        chamfer_distance(random_clouds(2, 4), random_clouds(1, 4))
