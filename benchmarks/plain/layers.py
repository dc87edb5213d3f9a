"""The tokenizer and the transformer block, layer by layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Encoder(nn.Module):
    """The mini-PointNet on (B, G, K, 3): convolutions of kernel 1, the maximum joined to every point's features."""

    def __init__(self, dims: tuple[int, ...], out_dim: int) -> None:
        super().__init__()
        first, middle, hidden = dims
        self.first_conv = nn.Sequential(
            nn.Conv1d(3, first, 1), nn.BatchNorm1d(first), nn.ReLU(inplace=True), nn.Conv1d(first, middle, 1)
        )
        self.second_conv = nn.Sequential(
            nn.Conv1d(2 * middle, hidden, 1),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Conv1d(hidden, out_dim, 1),
        )

    def forward(self, patches: Tensor) -> Tensor:
        batch, groups, size, _ = patches.shape
        features = self.first_conv(patches.reshape(batch * groups, size, 3).transpose(2, 1))
        best = features.max(dim=2, keepdim=True)[0]
        features = torch.cat([best.expand(-1, -1, size), features], dim=1)
        return self.second_conv(features).max(dim=2)[0].reshape(batch, groups, -1)


class AdaptedLinear(nn.Module):
    """A frozen linear layer, a low-rank update and a gated prompt, added up."""

    def __init__(self, width_in: int, width_out: int, rank: int, bias: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width_out, bias=bias)
        self.lora_A = nn.Parameter(torch.zeros(rank, width_in))
        self.lora_B = nn.Parameter(torch.zeros(width_out, rank))
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor, prompt: nn.Module) -> Tensor:
        return self.linear(x) + F.linear(F.linear(x, self.lora_A), self.lora_B) + self.weight * prompt(x)


class Attention(nn.Module):
    """Self-attention with its two matrix products written out; with a rank above 0 its layers are adapted."""

    def __init__(self, dim: int, num_heads: int, rank: int) -> None:
        super().__init__()
        self.num_heads, self.scale, self.adapted = num_heads, (dim // num_heads) ** -0.5, rank > 0
        self.qkv: nn.Module = AdaptedLinear(dim, 3 * dim, rank, False) if rank else nn.Linear(dim, 3 * dim, bias=False)
        self.proj: nn.Module = AdaptedLinear(dim, dim, rank, True) if rank else nn.Linear(dim, dim)

    def forward(self, x: Tensor, prompts: tuple[nn.Module, ...] = ()) -> Tensor:
        batch, length, width = x.shape
        packed = self.qkv(x, prompts[0]) if self.adapted else self.qkv(x)
        packed = packed.reshape(batch, length, 3, self.num_heads, width // self.num_heads).permute(2, 0, 3, 1, 4)
        weights = ((packed[0] @ packed[1].transpose(-2, -1)) * self.scale).softmax(dim=-1)
        x = (weights @ packed[2]).transpose(1, 2).reshape(batch, length, width)
        return self.proj(x, prompts[1]) if self.adapted else self.proj(x)


class Feedforward(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Module):
    """A pre-norm block with stochastic depth."""

    def __init__(self, dim: int, num_heads: int, rank: int, drop_path: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn, self.mlp, self.drop = Attention(dim, num_heads, rank), Feedforward(dim), drop_path

    def forward(self, x: Tensor, prompts: tuple[nn.Module, ...] = ()) -> Tensor:
        x = x + self.drop_path(self.attn(self.norm1(x), prompts))
        return x + self.drop_path(self.mlp(self.norm2(x)))

    def drop_path(self, x: Tensor) -> Tensor:
        if not self.training or self.drop == 0:
            return x
        keep = 1 - self.drop
        return x.div(keep) * x.new_empty(len(x), 1, 1).bernoulli_(keep)


def prompt_mlp(dim: int, hidden: int, out_dim: int) -> nn.Sequential:
    """A shared prompt: two linear layers with a GELU between them."""
    return nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, out_dim))


def rates(drop_path_rate: float, depth: int) -> list[float]:
    """Rates of stochastic depth, linear over the blocks."""
    return torch.linspace(0, drop_path_rate, depth).tolist()
