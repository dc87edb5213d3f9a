"""PointLoRA on Point-MAE for classification (arXiv 2504.16023), with the official names of its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .geometry import group, pick_points
from .layers import Block, Encoder, prompt_mlp, rates

TRAINED = ("lora_A", "lora_B", "prompt_", "lora_mask_predictor", "cls_", "encoder.first_conv.", "pos_embed.")


class Blocks(nn.Module):
    """Blocks with the four prompts that they share; tokens are [class | patches | selected]."""

    def __init__(self, dim: int, depth: int, num_heads: int, rank: int, prompt_dim: int, drop_path_rate: float) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(dim, num_heads, rank, rate) for rate in rates(drop_path_rate, depth))
        self.prompt_mlp = prompt_mlp(dim, prompt_dim, dim)
        self.prompt_pos_mlp = prompt_mlp(dim, prompt_dim, dim)
        self.prompt_proj_mlp = prompt_mlp(dim, prompt_dim, dim)
        self.prompt_qkv_mlp = prompt_mlp(dim, prompt_dim, 3 * dim)

    def forward(self, x: Tensor, positions: Tensor, num_patches: int) -> Tensor:
        for block in self.blocks:
            x = x + positions
            first, patches, selected = x[:, :1], x[:, 1 : 1 + num_patches], x[:, 1 + num_patches :]
            patches = patches + self.prompt_mlp(patches)
            selected = selected + self.prompt_pos_mlp(selected)
            x = block(torch.cat([first, patches, selected], dim=1), (self.prompt_qkv_mlp, self.prompt_proj_mlp))
        return x


class Scorer(nn.Module):
    """A score in (0, 1) for each token."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(dim, dim // 2), nn.Linear(dim // 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.fc1(x).relu()).sigmoid()


class PlainClassifier(nn.Module):
    """Points (B, N, 3) to logits (B, classes) and the mask loss.

    Args:
        dim, depth, num_heads, num_groups, group_size, dims, drop_path_rate: sizes of the backbone.
        num_classes: classes of the head.
        rank: of the low-rank updates.
        prompt_dim: hidden width of the prompts.
    """

    def __init__(
        self,
        dim: int = 384,
        depth: int = 12,
        num_heads: int = 6,
        num_groups: int = 128,
        group_size: int = 32,
        dims: tuple[int, ...] = (128, 256, 512),
        drop_path_rate: float = 0.3,
        num_classes: int = 15,
        rank: int = 8,
        prompt_dim: int = 32,
    ) -> None:
        super().__init__()
        half = num_groups // 2
        self.main = (num_groups, group_size)
        # groups, points per patch, tokens kept, weight in the mask loss
        self.scales = (
            (num_groups, group_size, num_groups // 4, 1.0),
            (half, 2 * group_size, max(half // 8, 1), 0.25),
        )
        self.encoder = Encoder(dims, dim)
        self.lora_mask_predictor = Scorer(dim)
        self.cls_token, self.cls_pos = nn.Parameter(torch.zeros(1, 1, dim)), nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Sequential(nn.Linear(3, 128), nn.GELU(), nn.Linear(128, dim))
        self.blocks = Blocks(dim, depth, num_heads, rank, prompt_dim, drop_path_rate)
        self.norm = nn.LayerNorm(dim)
        self.cls_head_finetune = nn.Sequential(
            nn.Linear(2 * dim, 256), nn.BatchNorm1d(256), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Linear(256, 256), nn.BatchNorm1d(256), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Linear(256, num_classes),
        )  # fmt: skip
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(any(part in name for part in TRAINED))

    def groupings(self, points: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The main grouping and one more for each scale of selection, each made by itself."""
        return [group(points, *self.main), *(group(points, *scale[:2]) for scale in self.scales)]

    def tokens(self, groupings: list[tuple[Tensor, Tensor]]) -> list[tuple[Tensor, Tensor]]:
        """Tokens and position embeddings of each grouping."""
        return [(self.encoder(patches), self.pos_embed(centers)) for patches, centers in groupings]

    def sequence(self, embedded: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
        """[class | patches | selected], their positions, and the mask loss."""
        main, main_positions = embedded[0]
        tokens, positions = (
            [self.cls_token.expand(len(main), -1, -1), main],
            [
                self.cls_pos.expand(len(main), -1, -1),
                main_positions,
            ],
        )
        loss = main.new_zeros(())
        for (token, position), (_, _, keep, weight) in zip(embedded[1:], self.scales, strict=True):
            scores = self.lora_mask_predictor(token)
            best = scores.squeeze(-1).topk(keep, dim=1)[1]
            tokens.append(pick_points(token, best))
            positions.append(pick_points(position, best))
            entropy = scores * torch.log(scores + 1e-6) + (1 - scores) * torch.log(1 - scores + 1e-6)
            loss = loss + weight * entropy.mean()
        return torch.cat(tokens, dim=1), torch.cat(positions, dim=1), loss

    def head(self, x: Tensor) -> Tensor:
        """Logits from the outputs of the last block."""
        x = self.norm(x)
        return self.cls_head_finetune(torch.cat([x[:, 0], x[:, 1:].max(1)[0]], dim=-1))

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        x, positions, loss = self.sequence(self.tokens(self.groupings(points)))
        return self.head(self.blocks(x, positions, self.main[0])), loss
