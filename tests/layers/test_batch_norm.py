import pytest
import torch
from torch import nn

from pointlora.layers import batch_norm
from pointlora.layers.batch_norm import RowBatchNorm, row_statistics


def test_statistics_are_exact_far_from_zero():
    rows = torch.randn(50_000, 32, generator=torch.Generator().manual_seed(0)) + 100
    mean, variance = row_statistics(rows)
    exact = rows.double()
    torch.testing.assert_close(mean.double(), exact.mean(0), rtol=1e-7, atol=0)
    torch.testing.assert_close(variance.double(), exact.var(0, unbiased=False), rtol=1e-5, atol=0)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("block", [100, 1 << 19])
def test_output_gradients_and_running_statistics_equal_those_of_torch(monkeypatch, block, relu):
    monkeypatch.setattr(batch_norm, "_BLOCK", block)
    torch.manual_seed(0)
    rows = torch.randn(37, 10, dtype=torch.float32).add_(3).requires_grad_()
    ours, theirs = RowBatchNorm(10), nn.BatchNorm1d(10)
    for norm in (ours, theirs):
        nn.init.uniform_(norm.weight, generator=torch.Generator().manual_seed(1))
    weights = torch.randn(37, 10)
    results = []
    for norm in (ours, theirs):
        output = (norm(rows, relu=True) if norm is ours else norm(rows).relu()) if relu else norm(rows)
        gradients = torch.autograd.grad((output * weights).sum(), [rows, norm.weight, norm.bias])
        results.append((output, *gradients, norm.running_mean, norm.running_var))
    for own, other in zip(*results, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours.eval()(rows), theirs.eval()(rows))


def test_bfloat16_rows_are_normalised_with_float32_statistics():
    rows = (torch.randn(4096, 8, generator=torch.Generator().manual_seed(0)) * 2 + 5).bfloat16()
    norm = RowBatchNorm(8)
    output = norm(rows)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(norm.running_mean, 0.1 * rows.float().mean(0), rtol=1e-5, atol=0)
    assert output.float().std(0).sub(1).abs().max() < 0.01


def test_together_with_relu_only_the_input_is_kept():
    rows = torch.randn(64, 8, requires_grad=True)
    output = RowBatchNorm(8)(rows, relu=True)
    assert output.min() == 0
    kept = [tensor for tensor in output.grad_fn.saved_tensors if tensor.ndim == 2]
    assert [tensor.data_ptr() for tensor in kept] == [rows.data_ptr()]
