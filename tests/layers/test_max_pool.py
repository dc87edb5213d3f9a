import pytest
import torch

from pointlora.layers import max_pool
from pointlora.layers.max_pool import first_index, largest, max_over_points


@pytest.mark.parametrize("block", [1, 50, 1 << 18])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_first_of_equal_maxima_gets_the_gradient(monkeypatch, block, dtype):
    monkeypatch.setattr(max_pool, "_BLOCK", block)
    generator = torch.Generator().manual_seed(0)
    # Few distinct values, so that many maxima are shared by several points.
    features = torch.randint(-2, 2, (7, 5, 3), generator=generator).to(dtype).requires_grad_()
    gradient = torch.randn(7, 3, generator=generator).to(dtype)
    found = max_over_points(features)
    assert torch.equal(found, features.amax(1))
    expected = torch.zeros_like(features)
    for patch in range(7):
        for channel in range(3):
            values = features[patch, :, channel].tolist()
            expected[patch, values.index(max(values)), channel] = gradient[patch, channel]
    assert torch.equal(torch.autograd.grad(found, features, gradient)[0], expected)


def test_distinct_maxima_have_the_gradient_of_amax():
    features = torch.randn(6, 64, 5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    ours, theirs = (
        torch.autograd.grad(pool.sin().sum(), features)[0] for pool in (max_over_points(features), features.amax(1))
    )
    torch.testing.assert_close(ours, theirs)


def test_what_is_kept_is_an_index_a_maximum():
    features = torch.randn(6, 64, 5, requires_grad=True)
    (kept,) = max_over_points(features).grad_fn.saved_tensors
    assert (kept.dtype, kept.shape) == (torch.uint8, (6, 5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("sign", [-1, 1, 0])
def test_largest_is_the_maximum_for_either_sign(dtype, sign):
    features = torch.randn(6, 32, 40, generator=torch.Generator().manual_seed(0)).to(dtype)
    features = sign * features.abs() if sign else features
    features[0, 3:, 0], features[1, :, 1] = 0.0, -0.0
    features[2, 5, 2], features[3, 7, 3] = torch.inf, -torch.inf
    assert torch.equal(largest(features), features.amax(1))
    features[4, :, 4] = torch.nan
    assert largest(features)[4, 4].isnan()


def test_a_maximum_that_is_not_a_number_has_an_index_within_the_patch():
    features = torch.full((2, 5, 3), torch.nan)
    assert first_index(features, torch.zeros(2, 3)).max() < 5
