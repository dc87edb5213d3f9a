"""Parts of PointGPT's network: the order of patches, the position code, the block, the generator of patches."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.layers.linear import Linear
from pointlora.models.method import TokenSet
from pointlora.models.transformer import Block
from pointlora.ops import chamfer_distance, gather_points
from pointlora.ops.compiling import is_taken_whole
from pointlora.ops.grouping import Patches
from pointlora.ops.neighbors import squared_distances


@torch.no_grad()
def greedy_order(centers: Tensor) -> Tensor:
    """Walk from the first center always to the nearest one not visited yet.

    One step a center, each for the whole batch and without waiting for the device.

    Args:
        centers: (B, G, 3).

    Returns:
        (B, G) int64 indices into G.
    """
    if is_taken_whole():
        return torch.ops.pointlora.greedy_order(centers)
    return _walk(centers)


def _walk(centers: Tensor) -> Tensor:
    batch, groups, _ = centers.shape
    distances = squared_distances(centers.float(), centers.float())
    visited = torch.zeros_like(distances[:, 0])
    current = torch.zeros(batch, 1, dtype=torch.int64, device=centers.device)
    order = [current]
    for _ in range(groups - 1):
        visited = visited.scatter(1, current, torch.inf)
        row = distances.gather(1, current[..., None].expand(-1, -1, groups))[:, 0]
        current = (row + visited).argmin(1, keepdim=True)
        order.append(current)
    return torch.cat(order, 1)


_whole = torch.library.custom_op("pointlora::greedy_order", _walk, mutates_args=(), schema="(Tensor centers) -> Tensor")


@_whole.register_fake
def _(centers: Tensor) -> Tensor:
    return centers.new_empty(centers.shape[:2], dtype=torch.int64)


class SineCode(nn.Module):
    """Fixed position code of (..., 3) coordinates, (..., C), without parameters.

    Per coordinate x, F = 2 floor(C / 6) features of 2 pi x / T^(2 floor(i / 2) / F), sine for even i and cosine for
    odd i. The published network calls it with T = 1, so that all frequencies are equal and each coordinate's sine and
    cosine repeat F / 2 times. What is left of C is zero.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.pairs = dim // 6
        self.padding = dim - 6 * self.pairs

    def forward(self, positions: Tensor) -> Tensor:
        angles = 2 * math.pi * positions.float()
        pair = torch.stack([angles.sin(), angles.cos()], -1)
        code = pair[..., None, :].expand(*pair.shape[:-1], self.pairs, 2).flatten(-3)
        return F.pad(code, (0, self.padding))


class GptBlock(Block):
    """Causal attention on (B, T, C); the first residual is the normalised value, not the input."""

    def __init__(self, dim: int, num_heads: int, drop_path: float = 0.0) -> None:
        super().__init__(dim, num_heads, drop_path, qkv_bias=True, causal=True)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.norm1(tokens)
        tokens = tokens + self.drop_path(self.attn(tokens))
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


class PatchGenerator(nn.Module):
    """Predict the points of each patch, in world coordinates, from the patches before it.

    Args:
        dim: width C.
        num_heads: divides `dim`.
        depth: number of blocks.
        group_size: points per patch, K.
    """

    def __init__(self, dim: int, num_heads: int, depth: int, group_size: int) -> None:
        super().__init__()
        self.position = SineCode(dim)
        self.blocks = nn.ModuleList(GptBlock(dim, num_heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.rebuild = Linear(dim, 3 * group_size)

    def forward(self, tokens: Tensor, centers: Tensor) -> Tensor:
        """Generated patches (B, G, K, 3) from the outputs (B, G, C) before each, for centers (B, G, 3) in order."""
        positions = self.position(steps(centers))
        for block in self.blocks:
            tokens = block(tokens + positions)
        return self.rebuild(self.norm(tokens)).float().unflatten(-1, (-1, 3))

    def loss(self, tokens: Tensor, patches: Patches) -> Tensor:
        """Chamfer L1 plus Chamfer L2 between generated and true patches, a scalar."""
        generated = self(tokens, patches.centers).flatten(0, 1)
        target = (patches.neighborhoods[..., :3] + patches.centers[:, :, None]).flatten(0, 1)
        return chamfer_distance(generated, target, "l1") + chamfer_distance(generated, target, "l2")


def steps(centers: Tensor) -> Tensor:
    """[first center, then the unit direction from each center to the next] of (B, G, 3); 0 for a step of length 0."""
    directions = F.normalize(centers.diff(dim=1), dim=-1)
    return torch.cat([centers[:, :1], directions], 1)


def in_order(tokens: TokenSet, order: Tensor) -> TokenSet:
    """The patches of (B, G, ·) tensors in an order (B, G)."""
    return TokenSet(*(gather_points(part, order) for part in tokens))


def reorder(patches: Patches, order: Tensor) -> Patches:
    """Cut patches in an order (B, G)."""
    flat = gather_points(patches.neighborhoods.flatten(2), order)
    return Patches(gather_points(patches.centers, order), flat.unflatten(-1, patches.neighborhoods.shape[2:]))
