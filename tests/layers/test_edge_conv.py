"""The edge convolution, by its definition."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from pointlora.layers.edge_conv import EdgeConv
from pointlora.layers.plain import plain


@pytest.mark.parametrize("fast", [True, False])
def test_an_edge_convolution_is_that_of_dgcnn(fast):
    torch.manual_seed(0)
    layer, patches = EdgeConv(6, 5), torch.randn(2, 9, 6)
    nn.init.uniform_(layer.norm.weight, 0.5, 2)
    nn.init.normal_(layer.norm.bias)
    index = torch.randint(9, (2, 9, 3))
    edges = []
    for cloud, nearest in zip(patches, index, strict=True):
        own = cloud[:, None].expand(-1, 3, -1)
        edges.append(torch.cat([cloud[nearest] - own, own], -1) @ layer.join.weight.T)
    rows = torch.stack(edges).flatten(0, 2)
    norm = nn.BatchNorm1d(5)
    norm.load_state_dict(layer.norm.state_dict())
    expected = functional.leaky_relu(norm(rows), 0.2).view(2, 9, 3, 5).amax(2)
    if fast:
        found = layer(patches, index)
    else:
        with plain():
            found = layer(patches, index)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(layer.norm.running_mean, norm.running_mean)


def test_a_watched_layer_is_called():
    layer, calls = EdgeConv(6, 5), []
    layer.join.register_forward_hook(lambda *_: calls.append(1))
    layer(torch.randn(2, 9, 6), torch.zeros(2, 9, 3, dtype=torch.int64))
    assert calls == [1]
