from torch import nn

from pointlora import count_parameters


def test_frozen_and_shared_parameters():
    first, second = nn.Linear(3, 4), nn.Linear(3, 4, bias=False)
    second.weight = first.weight
    first.bias.requires_grad_(False)
    count = count_parameters(nn.ModuleList([first, second]))
    assert count == (12, 16)
    assert count.share == 0.75
