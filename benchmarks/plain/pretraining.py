"""Point-MAE's masked autoencoder: every patch is tokenized, then the masked ones are dropped."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .geometry import chamfer, group
from .layers import Block, Encoder, rates


class Stack(nn.Module):
    """Blocks with the positions added before each."""

    def __init__(self, dim: int, depth: int, num_heads: int, drop_path_rate: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(dim, num_heads, 0, rate) for rate in rates(drop_path_rate, depth))

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x + positions)
        return x


class Decoder(Stack):
    """Blocks and a norm on the last tokens."""

    def __init__(self, dim: int, depth: int, num_heads: int, drop_path_rate: float) -> None:
        super().__init__(dim, depth, num_heads, drop_path_rate)
        self.norm = nn.LayerNorm(dim)


class MaskedEncoder(nn.Module):
    """Tokens and positions of the visible patches through the blocks."""

    def __init__(self, dim: int, depth: int, num_heads: int, dims: tuple[int, ...], drop_path_rate: float) -> None:
        super().__init__()
        self.encoder = Encoder(dims, dim)
        self.pos_embed = nn.Sequential(nn.Linear(3, 128), nn.GELU(), nn.Linear(128, dim))
        self.blocks = Stack(dim, depth, num_heads, drop_path_rate)
        self.norm = nn.LayerNorm(dim)

    def forward(self, patches: Tensor, centers: Tensor, mask: Tensor) -> Tensor:
        tokens = self.encoder(patches)
        visible = tokens[~mask].reshape(len(tokens), -1, tokens.shape[-1])
        positions = self.pos_embed(centers[~mask].reshape(len(tokens), -1, 3))
        return self.norm(self.blocks(visible, positions))


class PlainAutoencoder(nn.Module):
    """Points (B, N, 3) and a mask (B, G) to the Chamfer loss of the rebuilt patches."""

    def __init__(
        self,
        dim: int = 384,
        depth: int = 12,
        num_heads: int = 6,
        num_groups: int = 64,
        group_size: int = 32,
        dims: tuple[int, ...] = (128, 256, 512),
        drop_path_rate: float = 0.1,
        decoder_depth: int = 4,
    ) -> None:
        super().__init__()
        self.main = (num_groups, group_size)
        self.MAE_encoder = MaskedEncoder(dim, depth, num_heads, dims, drop_path_rate)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.decoder_pos_embed = nn.Sequential(nn.Linear(3, 128), nn.GELU(), nn.Linear(128, dim))
        self.MAE_decoder = Decoder(dim, decoder_depth, num_heads, drop_path_rate)
        self.increase_dim = nn.Sequential(nn.Conv1d(dim, 3 * group_size, 1))

    def forward(self, points: Tensor, mask: Tensor) -> Tensor:
        patches, centers = group(points, *self.main)
        visible = self.MAE_encoder(patches, centers, mask)
        batch = len(visible)
        ordered = torch.cat([centers[~mask].reshape(batch, -1, 3), centers[mask].reshape(batch, -1, 3)], dim=1)
        hidden = ordered.shape[1] - visible.shape[1]
        x = torch.cat([visible, self.mask_token.expand(batch, hidden, -1)], dim=1)
        x = self.MAE_decoder(x, self.decoder_pos_embed(ordered))
        x = self.MAE_decoder.norm(x[:, -hidden:])
        rebuilt = self.increase_dim(x.transpose(1, 2)).transpose(1, 2).reshape(batch * hidden, -1, 3)
        return chamfer(rebuilt, patches[mask])
