"""The time of a forward pass a cloud."""

import time

import torch
from torch import nn

from pointlora.training.inference_time import TimedModel


class Slow(nn.Module):
    """Takes 4 ms for a call, whatever is in it."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, points, category=None):
        time.sleep(0.004)
        return self.scale * points if category is None else category


def test_a_timed_model_computes_the_same_and_knows_its_time_a_cloud():
    model = Slow().eval()
    timed = TimedModel(model)
    assert not timed.training
    assert timed.seconds_per_cloud is None
    points = torch.ones(4, 8, 3)
    assert torch.equal(timed(points), 2 * points)
    assert timed(points, "category") == "category"
    assert 0.001 <= timed.seconds_per_cloud < 0.1
    assert next(timed.parameters()) is model.scale
    timed.train()
    assert model.training


def test_the_median_over_the_batches_is_told():
    timed = TimedModel(Slow())
    for clouds in (1, 4, 400):
        timed(torch.ones(clouds, 1, 3))
    assert 0.001 <= timed.seconds_per_cloud < 0.004
