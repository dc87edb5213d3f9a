"""Stateless sampling: batch order is a function of (seed, epoch), a sample's randomness of (seed, epoch, index).

No generator is carried from batch to batch, so a run that resumes at any step, with any number of loader workers, sees
the numbers that it would have seen without the interruption.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_integer
from pointlora.data.orders import Blocks, balanced_order, shuffled_order
from pointlora.errors import ConfigError

Key = tuple[int, int]  # (epoch, index)


def sample_generator(seed: int, epoch: int, index: int, purpose: str) -> np.random.Generator:
    """The random generator of one sample in one epoch for one purpose (such as `jitter`).

    Two purposes draw independent numbers, so adding an augmentation doesn't change the draws of the others.

    Raises:
        ConfigError: if an integer is negative or 2**32 or more.
    """
    for name, value in (("seed", seed), ("epoch", epoch), ("index", index)):
        # Larger integers take two words of the seed sequence, and then different keys could coincide.
        check_integer(name, value, 0, 2**32 - 1)
    return np.random.default_rng([int(seed), int(epoch), int(index), crc32(purpose.encode())])


class EpochBatchSampler:
    """Batches of (epoch, index) keys; a `batch_sampler` for torch's DataLoader.

    With several processes, each sees every `world_size`-th sample of the common order, so that their batches together
    are the batches of one process; with `blocks`, each sees a range of the order, so that a block is read by one of
    them. All see equally many batches: without `drop_last` the order is continued from its start to fill the last
    round, with it the rest is dropped.

    Args:
        num_samples: size of the data set.
        batch_size: samples per batch and process.
        seed: chooses the orders.
        shuffle: a new order each epoch; otherwise always 0, 1, 2, ...
        drop_last: leave out a last batch that isn't full.
        rank: number of this process.
        world_size: number of processes.
        start_batch: batches to leave out of the first epoch that is iterated (to resume in its middle).
        blocks: which samples lie together in files, see `shuffled_order`.
        balance: (n,) classes of the samples, all of which an epoch shall see equally often; see `balanced_order`.

    Raises:
        ConfigError: for sizes that make no sense.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        seed: int = 0,
        shuffle: bool = True,
        drop_last: bool = False,
        rank: int = 0,
        world_size: int = 1,
        start_batch: int = 0,
        blocks: Blocks | None = None,
        balance: NDArray[np.int64] | None = None,
    ) -> None:
        check_integer("number of samples", num_samples, 1)
        check_integer("batch_size", batch_size, 1)
        check_integer("world_size", world_size, 1)
        check_integer("rank", rank, 0, world_size - 1)
        if drop_last and num_samples < batch_size * world_size:
            raise ConfigError(
                f"drop_last leaves no batch: {num_samples} samples for {world_size} x batch_size {batch_size}"
            )
        self.num_samples, self.batch_size, self.seed = num_samples, batch_size, seed
        self.shuffle, self.drop_last = shuffle, drop_last
        self.rank, self.world_size, self.blocks = rank, world_size, blocks
        self.balance = balance
        self.epoch = 0
        self._start_epoch: int | None = None
        self._start_batch = 0
        self.resume(start_batch)

    @property
    def sampler(self) -> EpochBatchSampler:
        """Itself: Lightning calls `loader.batch_sampler.sampler.set_epoch` at the start of each epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration draws."""
        self.epoch = int(epoch)

    def resume(self, start_batch: int, epoch: int | None = None) -> None:
        """Leave out the first `start_batch` batches of the next iteration, if that is `epoch` (None: whichever it is).

        Later iterations are whole again.
        """
        check_integer("start_batch", start_batch, 0, len(self))
        self._start_batch, self._start_epoch = start_batch, epoch

    def first_batch(self) -> int:
        """Number of the batch with which the next iteration begins."""
        return self._start_batch if self._start_epoch in (None, self.epoch) else 0

    def order(self, epoch: int) -> np.ndarray:
        """The sample indices of an epoch in order, over all processes, before they are dealt out."""
        if not self.shuffle:
            return np.arange(self.num_samples)
        if self.balance is not None:
            return balanced_order(sample_generator(self.seed, epoch, 0, "order"), self.balance)
        return shuffled_order(sample_generator(self.seed, epoch, 0, "order"), self.num_samples, self.blocks)

    def __len__(self) -> int:
        """Batches in a whole epoch of this process, also while resuming (Lightning counts from it)."""
        if self.drop_last:
            return self.num_samples // (self.batch_size * self.world_size)
        return ceil(ceil(self.num_samples / self.world_size) / self.batch_size)

    def __iter__(self) -> Iterator[list[Key]]:
        epoch, first = self.epoch, self.first_batch()
        self._start_batch, self._start_epoch = 0, None
        rounds = len(self) * self.batch_size if self.drop_last else ceil(self.num_samples / self.world_size)
        everyones = np.resize(self.order(epoch), rounds * self.world_size)
        if self.blocks is None:
            mine = everyones[self.rank :: self.world_size].tolist()
        else:
            mine = everyones[self.rank * rounds : (self.rank + 1) * rounds].tolist()
        for start in range(first * self.batch_size, len(mine), self.batch_size):
            yield [(epoch, index) for index in mine[start : start + self.batch_size]]
