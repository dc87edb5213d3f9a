import pytest
import torch

from pointlora.models import max_pool
from pointlora.models.max_pool import max_over_points


@pytest.mark.parametrize("block", [1, 50, 1 << 18])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_values_and_gradients_equal_those_of_amax(monkeypatch, block, dtype):
    monkeypatch.setattr(max_pool, "_BLOCK", block)
    generator = torch.Generator().manual_seed(0)
    # Few distinct values, so that many maxima are shared by several points.
    features = torch.randint(0, 4, (7, 5, 3), generator=generator).to(dtype).requires_grad_()
    gradient = torch.randn(7, 3, generator=generator).to(dtype)
    found, expected = max_over_points(features), features.amax(1)
    assert torch.equal(found, expected)
    ours, theirs = (torch.autograd.grad(value, features, gradient)[0] for value in (found, expected))
    torch.testing.assert_close(ours, theirs, atol=0, rtol=1e-2 if dtype == torch.bfloat16 else 1e-6)
