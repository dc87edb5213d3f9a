"""What is drawn for the second view of a cloud in pre-training, each a function of (seed, epoch, index)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pointlora.data.sampling import sample_generator
from pointlora.models.two_views import SecondView
from pointlora.training.randomness import patch_masks

# As in the augmentation of the published recipes.
SCALES = (2 / 3, 3 / 2)
SHIFT = 0.2
# Share of the views that show one side of the object; the others show patches from everywhere.
ONE_SIDED = 0.5


def second_views(
    seed: int, keys: Sequence[tuple[int, int]], num_groups: int, num_masked: int, up_axis: str
) -> SecondView:
    """Second views: turned by any angle about the up axis, each axis scaled, shifted, and half of them from one side.

    Args:
        seed: of the run.
        keys: (epoch, index) of each of B samples.
        num_groups: patches per cloud, G.
        num_masked: how many of them are hidden.
        up_axis: x, y or z.
    """
    up = "xyz".index(up_axis)
    first, second = (up + 1) % 3, (up + 2) % 3
    maps, shifts, directions = [], [], []
    for epoch, index in keys:
        generator = sample_generator(seed, epoch, index, "view")
        angle, scales = generator.uniform(0, 2 * np.pi), generator.uniform(*SCALES, 3)
        turn = np.eye(3)
        turn[first, first] = turn[second, second] = np.cos(angle)
        turn[first, second], turn[second, first] = np.sin(angle), -np.sin(angle)
        maps.append(turn * scales)
        shifts.append(generator.uniform(-SHIFT, SHIFT, 3))
        direction, one_sided = generator.standard_normal(3), generator.random() < ONE_SIDED
        directions.append(direction if one_sided else np.zeros(3))
    drawn = (torch.from_numpy(np.stack(rows).astype(np.float32)) for rows in (directions, maps, shifts))
    return SecondView(patch_masks(seed, keys, num_groups, num_masked, purpose="second mask"), *drawn)
