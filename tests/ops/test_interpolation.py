import pytest
import torch

from clouds import random_clouds
from pointlora.errors import ShapeError
from pointlora.ops import interpolate_features
from pointlora.ops.interpolation import interpolate_features_reference, interpolation_weights


def features_of(batch, groups, width, seed=2):
    return torch.randn(batch, groups, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_equals_the_reference_and_its_gradient(k):
    queries, centers = random_clouds(2, 40), random_clouds(2, 7, seed=1)
    features = features_of(2, 7, 6).requires_grad_()
    found, expected = (
        function(queries, centers, features, k) for function in (interpolate_features, interpolate_features_reference)
    )
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)
    weight = features_of(2, 40, 6, seed=5)
    gradients = [torch.autograd.grad((result * weight).sum(), features)[0] for result in (found, expected)]
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-5)


def test_a_point_on_a_center_takes_its_features():
    centers = random_clouds(1, 9)
    features = features_of(1, 9, 4)
    torch.testing.assert_close(interpolate_features(centers, centers, features), features, atol=1e-5, rtol=0)


def test_a_constant_stays_and_a_point_half_way_takes_the_mean():
    centers = torch.tensor([[[0.0, 0, 0], [2, 0, 0], [50, 0, 0]]])
    features = torch.tensor([[[1.0, 7], [3, 7], [100, 7]]])
    found = interpolate_features(torch.tensor([[[1.0, 0, 0]]]), centers, features)
    third = 1 / 49**2
    torch.testing.assert_close(found, torch.tensor([[[(4 + 100 * third) / (2 + third), 7.0]]]))


def test_fewer_centers_than_neighbours():
    queries, features = random_clouds(2, 5), features_of(2, 1, 3)
    assert torch.equal(interpolate_features(queries, random_clouds(2, 1), features), features.expand(2, 5, 3))


def test_weights_sum_to_one_and_the_nearest_counts_most():
    index, weights = interpolation_weights(random_clouds(1, 50), random_clouds(1, 20, seed=3))
    assert index.shape == weights.shape == (1, 50, 3)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 50))
    assert (weights.diff(dim=-1) <= 0).all()


def test_bfloat16_features():
    queries, centers, features = random_clouds(1, 30), random_clouds(1, 8, seed=1), features_of(1, 8, 4).bfloat16()
    features.requires_grad_()
    found = interpolate_features(queries, centers, features)
    assert found.dtype == torch.bfloat16
    exact = interpolate_features(queries, centers, features.float())
    torch.testing.assert_close(found.float(), exact, atol=0.05, rtol=0.02)
    found.float().sum().backward()
    torch.testing.assert_close(features.grad.float().sum(), torch.tensor(120.0), atol=2, rtol=0)


def test_a_hundred_thousand_points_are_searched_in_blocks():
    queries, centers = random_clouds(1, 100_000), random_clouds(1, 128, seed=1)
    found = interpolate_features(queries, centers, features_of(1, 128, 2))
    some = torch.tensor([0, 49_999, 99_999])
    expected = interpolate_features_reference(queries[:, some], centers, features_of(1, 128, 2))
    torch.testing.assert_close(found[:, some], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((1, 4, 3), (1, 5, 3), (1, 6, 2)), "features .1, 6, 2. must be"),
        (((2, 4, 3), (1, 5, 3), (1, 5, 2)), "must be"),
        (((1, 4, 2), (1, 5, 3), (1, 5, 2)), "queries must have shape"),
        (((1, 4, 3), (1, 5), (1, 5, 2)), "centers must have shape"),
    ],
)
def test_wrong_shapes_are_named(shapes, message):
    with pytest.raises(ShapeError, match=message):
        interpolate_features(*(torch.zeros(shape) for shape in shapes))


def test_no_neighbour_is_an_error():
    with pytest.raises(ShapeError, match="k is 0"):
        interpolate_features(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), torch.zeros(1, 2, 1), k=0)
