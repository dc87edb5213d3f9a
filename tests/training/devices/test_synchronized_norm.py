"""BatchNorm over two processes' rows equals BatchNorm over all rows in one."""

import numpy as np
import pytest
import torch
from torch import nn

from pointlora.layers import first_stage, second_stage
from pointlora.layers.batch_norm import RowBatchNorm
from pointlora.layers.linear import Linear
from pointlora.training.devices.synchronized_norm import SynchronizedBatchNorm, synchronized_norms
from process_groups import connected, run_ranks

SHARES = ((0, 7), (7, 40))  # of unequal size


def make_rows():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(40, 6, generator=generator) * 2 + 30, torch.randn(40, 6, generator=generator)


def make_norm():
    norm = nn.BatchNorm1d(6)
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, generator=torch.Generator().manual_seed(1))
    return norm


def step(norm, rows, weights, relu):
    rows = rows.clone().requires_grad_()
    output = norm(rows, relu=True) if isinstance(norm, RowBatchNorm) and relu else norm(rows)
    output = output.relu() if relu else output
    gradients = torch.autograd.grad((output * weights).sum(), [rows, norm.weight, norm.bias])
    return [value.detach() for value in (output, *gradients, norm.running_mean, norm.running_var)]


def on_one_rank(relu):
    rows, weights = make_rows()
    model = nn.Sequential(make_norm())
    with connected() as rank, synchronized_norms(model):
        part = slice(*SHARES[rank])
        found = step(model[0], rows[part], weights[part], relu)
    assert type(model[0]) is nn.BatchNorm1d
    return [value.numpy() for value in found]


@pytest.mark.parametrize("relu", [False, True])
def test_two_processes_equal_one(relu):
    expected = step(make_norm(), *make_rows(), relu)
    first, second = ([torch.from_numpy(value) for value in found] for found in run_ranks(on_one_rank, relu))
    for position in range(2):  # output and gradient of the rows
        joined = torch.cat([first[position], second[position]])
        torch.testing.assert_close(joined, expected[position], rtol=1e-5, atol=2e-5)
    for position in (2, 3):  # of weight and bias: each process has its rows' part
        torch.testing.assert_close(first[position] + second[position], expected[position], rtol=1e-5, atol=1e-4)
    for position in (4, 5):  # running statistics
        assert torch.equal(first[position], second[position])
        torch.testing.assert_close(first[position], expected[position], rtol=1e-5, atol=1e-6)


def make_stages():
    torch.manual_seed(2)
    first = nn.Sequential(Linear(3, 256), RowBatchNorm(256), nn.ReLU(), Linear(256, 16))
    second = nn.Sequential(Linear(32, 16), RowBatchNorm(16), nn.ReLU(), Linear(16, 12))
    return nn.ModuleList([first, second])


def run_stages(first, second, patches, weights):
    """Tokens of (P, K, 3) patches, gradients of all weights and running statistics, by the stages in blocks."""
    points = patches.flatten(0, 1)
    assert first_stage.applies(points, first)
    features = first_stage.first_stage(points, first)[0].unflatten(0, patches.shape[:2])
    assert second_stage.applies(features, second)
    tokens = second_stage.second_stage(features, second)
    parameters = [*first.parameters(), *second.parameters()]
    gradients = torch.autograd.grad((tokens * weights).sum(), parameters)
    return [value.detach().numpy() for value in (tokens, *gradients, *first[1].buffers(), *second[1].buffers())]


def stages_on_one_rank(patches, weights):
    stages = make_stages()
    with connected() as rank, synchronized_norms(stages):
        part = slice(*SHARES[rank])
        return run_stages(*stages, patches[part], weights[part])


def test_stages_in_blocks_over_two_processes_equal_one():
    generator = torch.Generator().manual_seed(0)
    patches, weights = torch.randn(40, 64, 3, generator=generator), torch.randn(40, 12, generator=generator)
    expected = run_stages(*make_stages(), patches, weights)
    first, second = run_ranks(stages_on_one_rank, patches, weights)
    np.testing.assert_allclose(np.concatenate([first[0], second[0]]), expected[0], rtol=1e-5, atol=1e-5)
    assert len(expected) == 1 + 12 + 6  # tokens, gradients of weights and biases, buffers of two norms
    for one, other, whole in zip(first[1:13], second[1:13], expected[1:13], strict=True):
        np.testing.assert_allclose(one + other, whole, rtol=1e-4, atol=2e-4)
    for one, other, whole in zip(first[13:], second[13:], expected[13:], strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, whole, rtol=1e-5, atol=1e-5)


def test_with_one_process_it_is_torchs():
    rows, _ = make_rows()
    plain, model = make_norm(), nn.Sequential(make_norm())
    with synchronized_norms(model):
        assert isinstance(model[0], SynchronizedBatchNorm)
        torch.testing.assert_close(model(rows), plain(rows))
    torch.testing.assert_close(model.eval()(rows), plain.eval()(rows))
