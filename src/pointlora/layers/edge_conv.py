"""The edge convolution of DGCNN (Wang et al., "Dynamic graph CNN for learning on point clouds", TOG 2019)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.layers.batch_norm import RowBatchNorm
from pointlora.layers.linear import Linear, linear
from pointlora.layers.plain import is_plain
from pointlora.ops import gather_points

SLOPE = 0.2


class EdgeConv(nn.Module):
    """For each patch the maximum over its neighbours of LeakyReLU(BatchNorm(W [neighbour - own | own])).

    Args:
        dim: width C of the patches.
        out_dim: width of the result.
    """

    def __init__(self, dim: int, out_dim: int) -> None:
        super().__init__()
        self.join = Linear(2 * dim, out_dim, bias=False)
        self.norm = RowBatchNorm(out_dim)

    def forward(self, patches: Tensor, neighbors: Tensor) -> Tensor:
        """Patches (B, G, C) and indices (B, G, K) of their neighbours to (B, G, out_dim)."""
        edges = self._edges(patches, neighbors)
        normalized = self.norm(edges.flatten(0, 2)).view(edges.shape)
        # LeakyReLU rises, so that it may follow the maximum.
        return F.leaky_relu(normalized.amax(2), SLOPE)

    def _edges(self, patches: Tensor, neighbors: Tensor) -> Tensor:
        """W [neighbour - own | own] of each edge, (B, G, K, out_dim)."""
        if is_plain(self.join, Linear):
            # W [n - o | o] is W1 n + (W2 - W1) o: a product a patch instead of one an edge.
            difference, own = self.join.weight.chunk(2, dim=1)
            of_neighbor, of_own = linear(patches, difference), linear(patches, own - difference)
            return gather_points(of_neighbor, neighbors) + of_own[:, :, None]
        own = patches[:, :, None].expand(*neighbors.shape, -1)
        edges: Tensor = self.join(torch.cat([gather_points(patches, neighbors) - own, own], -1))
        return edges
