"""Figures over one process; over several they are tested in whole runs and here."""

import torch

from pointlora.training.devices.collectives import gather_samples, mean_over_processes
from process_groups import connected, run_ranks


def test_one_process():
    assert mean_over_processes(0.25, torch.device("cpu")) == 0.25
    values = gather_samples(torch.tensor([2, 0, 1, 0]), torch.tensor([20, 0, 10, 0]), torch.tensor([7, 5, 6, 5]))
    assert [value.tolist() for value in values] == [[0, 10, 20], [5, 6, 7]]


def on_one_rank():
    with connected() as rank:
        index = torch.tensor([[0, 2, 4], [1, 3, 0]][rank])
        values = gather_samples(index, 10 * index)
        return values[0].tolist(), mean_over_processes([0.5, 1.0][rank], torch.device("cpu"))


def test_two_processes_give_every_sample_once():
    assert run_ranks(on_one_rank) == [([0, 10, 20, 30, 40], 0.75)] * 2
