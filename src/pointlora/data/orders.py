"""Orders of samples: all in one shuffle, or block by block where samples lie in files that are read whole."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Blocks(NamedTuple):
    """Which samples lie together.

    Attributes:
        numbers: (n,) number of each sample's block.
        together: blocks that are held in memory at a time; samples are mixed within so many.
    """

    numbers: NDArray[np.int64]
    together: int


def shuffled_order(generator: np.random.Generator, size: int, blocks: Blocks | None = None) -> NDArray[np.int64]:
    """A random order of `size` samples.

    With blocks, these are shuffled, taken `together` at a time, and the samples of those shuffled among themselves: an
    epoch then reads every block once.

    Returns:
        (size,) a permutation, a function of the generator.
    """
    order = generator.permutation(size)
    if blocks is None:
        return order
    _, numbers = np.unique(blocks.numbers, return_inverse=True)
    turn = generator.permutation(int(numbers.max()) + 1)[numbers] // max(blocks.together, 1)
    return order[np.argsort(turn[order], kind="stable")]
