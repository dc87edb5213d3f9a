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


def balanced_order(generator: np.random.Generator, classes: NDArray[np.int64]) -> NDArray[np.int64]:
    """A random order of as many samples as there are in which each class occurs equally often, up to one.

    Of a class that is drawn more often than it has samples, all are drawn before one is drawn again.

    Args:
        generator: what the order is a function of.
        classes: (n,) class of each sample.

    Returns:
        (n,) indices of samples.
    """
    size, numbers = len(classes), np.unique(classes)
    shares = np.full(len(numbers), size // len(numbers))
    shares[generator.permutation(len(numbers))[: size % len(numbers)]] += 1
    drawn = []
    for number, share in zip(numbers, shares.tolist(), strict=True):
        members = np.flatnonzero(classes == number)
        rounds = [generator.permutation(members) for _ in range(-(-share // len(members)))]
        drawn.append(np.concatenate([np.zeros(0, np.int64), *rounds])[:share])
    return generator.permutation(np.concatenate(drawn))
