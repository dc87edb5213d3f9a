"""A colour for each part, such that the parts of one object differ, for colour-blind readers too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pointlora.data.parts.space import PartSpace

# Okabe and Ito, "Color universal design" (2008), without black, ordered such that the first few differ in lightness as
# well as in hue.
_BASE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")


def part_colors(space: PartSpace) -> NDArray[np.uint8]:
    """Colours (parts, 3) from 0 to 255; parts that one category has together differ as long as there are 21 or fewer.

    The parts of each category take the first colours in their order, so that most pictures use few.
    """
    shades, sharing = _shades(), space.allowed.sum(0)
    categories: list[list[int]] = [[] for _ in space.part_names]
    for category, parts in enumerate(space.parts_of):
        for part in parts:
            categories[part].append(category)
    number = np.zeros(space.num_parts, dtype=np.int64)
    taken: list[set[int]] = [set() for _ in space.parts_of]
    # Parts that several categories share come first: what they take must be free in all of these.
    for part in sorted(range(space.num_parts), key=lambda part: (sharing[part] < 2, part)):
        used = set().union(*(taken[category] for category in categories[part]))
        number[part] = next((shade for shade in range(len(shades)) if shade not in used), part % len(shades))
        for category in categories[part]:
            taken[category].add(int(number[part]))
    return shades[number]


def _shades() -> NDArray[np.uint8]:
    """The base colours, then a dark and a light shade of each."""
    base = np.array([[int(color[place : place + 2], 16) for place in (1, 3, 5)] for color in _BASE], dtype=np.float64)
    return np.concatenate([base, 0.5 * base, 255 - 0.4 * (255 - base)]).round().astype(np.uint8)
