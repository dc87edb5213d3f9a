"""Multi-scale token selection (PointLoRA, CVPR 2025): score patches of several sizes, append the best ones."""

from __future__ import annotations

import random
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora.methods.settings import SelectionScale
from pointlora.models.method import TokenSet
from pointlora.ops import gather_points


class TokenScorer(nn.Module):
    """Tokens (B, G, C) to scores (B, G) in (0, 1): C -> C/2, ReLU, -> 1, sigmoid. All scales share it."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, dim // 2)
        self.fc2 = nn.Linear(dim // 2, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        # Scores in float32: the mask loss takes logarithms of them.
        return torch.sigmoid(self.fc2(F.relu(self.fc1(tokens))).squeeze(-1).float())


class RandomScorer(nn.Module):
    """Scores (B, G) of tokens (B, G, C) that know nothing of the tokens; no parameters.

    In training they are drawn from torch's generator, as dropout is, so that a run that seeds each step can be resumed.
    In evaluation they are a function of G alone: a cloud's result depends neither on its batch nor on what came before.

    Args:
        sizes: the numbers of patches G that it will score.
    """

    def __init__(self, sizes: Iterable[int]) -> None:
        super().__init__()
        # Python's own generator gives the same numbers in every release and on every device.
        generators = {size: random.Random(size) for size in sizes}
        self.fixed = {size: [draw.random() for _ in range(size)] for size, draw in generators.items()}

    def forward(self, tokens: Tensor) -> Tensor:
        batch, groups, _ = tokens.shape
        if self.training:
            return torch.rand(batch, groups, device=tokens.device)
        return torch.tensor(self.fixed[groups], device=tokens.device).expand(batch, -1)


def select_tokens(scale: TokenSet, scores: Tensor, keep: int, straight_through: bool) -> TokenSet:
    """The `keep` best-scored tokens of a scale, best first, with their positions and centers.

    Args:
        scale: (B, G, C) tokens and positions, (B, G, 3) centers.
        scores: (B, G).
        keep: K.
        straight_through: multiply by score / score, which is 1 and passes the task's gradient on to the score.
    """
    best = scores.topk(keep, dim=1)
    tokens = gather_points(scale.tokens, best.indices)
    if straight_through:
        tokens = tokens * (1 + (best.values - best.values.detach()))[..., None].to(tokens.dtype)
    return TokenSet(tokens, gather_points(scale.positions, best.indices), gather_points(scale.centers, best.indices))


def mask_loss(scores: list[Tensor], scales: tuple[SelectionScale, ...], kind: str) -> Tensor:
    """Sum over scales of weight * mean(p log p + (1 - p) log(1 - p)), negated for `polarize`.

    Args:
        scores: (B, G) a scale.
        scales: their weights.
        kind: `release`, `polarize` or `none` (which is 0).
    """
    total = scores[0].new_zeros(())
    if kind == "none":
        return total
    for probabilities, scale in zip(scores, scales, strict=True):
        rest = 1 - probabilities
        negative_entropy = probabilities * (probabilities + 1e-6).log() + rest * (rest + 1e-6).log()
        total = total + scale.loss_weight * negative_entropy.mean()
    return -total if kind == "polarize" else total
