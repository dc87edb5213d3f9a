"""Colours of parts, for colour-blind readers too."""

from __future__ import annotations

import numpy as np
import pytest

from pointlora.data.parts.colors import part_colors
from pointlora.data.parts.space import PartSpace

# Linear RGB as dichromats see it (Viénot, Brettel and Mollon, 1999).
SIGHT = {
    "normal": np.eye(3),
    "protan": np.array([[0.1124, 0.8876, 0.0], [0.1124, 0.8876, 0.0], [0.0040, -0.0040, 1.0]]),
    "deutan": np.array([[0.2928, 0.7072, 0.0], [0.2928, 0.7072, 0.0], [-0.0223, 0.0223, 1.0]]),
}


def lab(colors: np.ndarray, sight: np.ndarray) -> np.ndarray:
    """CIELAB of sRGB colours (n, 3) from 0 to 255, D65."""
    share = colors / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4) @ sight.T
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.clip(linear @ to_xyz.T / [0.9505, 1.0, 1.089], 1e-6, None)).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


@pytest.mark.parametrize("sight", SIGHT)
def test_the_first_colors_are_far_apart(sight: str) -> None:
    seen = lab(part_colors(PartSpace(tuple("abcdef"))).astype(float), SIGHT[sight])
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=2)[np.triu_indices(6, 1)]
    assert distances.min() > 15  # 2.3 is just noticeable
    white = lab(np.full((1, 3), 255.0), SIGHT[sight])
    assert np.linalg.norm(seen - white, axis=1).min() > 25


def test_parts_of_one_object_differ_and_every_object_takes_the_first_colors() -> None:
    space = PartSpace(tuple("abcdefx"), ("one", "two"), ((0, 1, 2, 6), (3, 4, 5, 6)))
    colors = [tuple(color) for color in part_colors(space).tolist()]
    for parts in space.parts_of:
        assert len({colors[part] for part in parts}) == 4
    assert colors[:3] == colors[3:6]
    many = part_colors(PartSpace(tuple(map(str, range(21)))))
    assert len(np.unique(many, axis=0)) == 21
    assert part_colors(PartSpace(tuple(map(str, range(500))))).shape == (500, 3)
