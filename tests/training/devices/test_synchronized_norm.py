"""BatchNorm over two processes' rows equals BatchNorm over all rows in one."""

import pytest
import torch
from torch import nn

from pointlora.layers.batch_norm import RowBatchNorm
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


def test_with_one_process_it_is_torchs():
    rows, _ = make_rows()
    plain, model = make_norm(), nn.Sequential(make_norm())
    with synchronized_norms(model):
        assert isinstance(model[0], SynchronizedBatchNorm)
        torch.testing.assert_close(model(rows), plain(rows))
    torch.testing.assert_close(model.eval()(rows), plain.eval()(rows))
