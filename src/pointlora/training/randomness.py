"""Stateless randomness of training: every draw is a function of the seed and of where in the run it is made.

Nothing is carried from step to step, so a checkpoint holds no generator state, and a resumed run draws what the
uninterrupted one would have drawn.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from pointlora.data.sampling import sample_generator
from pointlora.randomness import derive_seed


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Seed torch for one training step: dropout and drop path become functions of (seed, step, rank).

    Call it inside `isolated_randomness`.
    """
    torch.manual_seed(derive_seed("step", seed, step, rank))


def patch_masks(
    seed: int, keys: Iterable[tuple[int, int]], num_groups: int, num_masked: int, purpose: str = "mask"
) -> Tensor:
    """Masks of pre-training, each a function of (seed, epoch, index).

    Args:
        seed: of the run.
        keys: (epoch, index) of each sample.
        num_groups: patches per cloud, G.
        num_masked: how many of them are masked.
        purpose: tells masks for several uses apart.

    Returns:
        (B, G) booleans, True where masked.
    """
    rows = []
    for epoch, index in keys:
        row = np.zeros(num_groups, dtype=bool)
        row[sample_generator(seed, epoch, index, purpose).permutation(num_groups)[:num_masked]] = True
        rows.append(row)
    return torch.from_numpy(np.stack(rows))
