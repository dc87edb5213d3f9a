"""The processes of a run: how many there are, which one this is, and sums over all of them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from pointlora.errors import ConfigError


@dataclass(frozen=True)
class World:
    """The processes that train together, one per device.

    Attributes:
        rank: number of this process.
        size: number of processes.
        local_size: number of processes on this machine.
    """

    rank: int = 0
    size: int = 1
    local_size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    @property
    def first_here(self) -> bool:
        """Whether this process is the first one of its machine."""
        return self.rank % self.local_size == 0

    def say(self, text: str) -> None:
        """A line on stderr, of the first process alone."""
        if self.first:
            print(text, file=sys.stderr, flush=True)

    @property
    def nodes(self) -> int:
        """Number of machines."""
        return self.size // self.local_size

    def share(self, batch_size: int) -> int:
        """This process's part of a batch.

        Raises:
            ConfigError: if the batch can't be divided.
        """
        if batch_size % self.size:
            raise ConfigError(
                f"training.batch_size is {batch_size}, which can't be divided among {self.size} processes: "
                f"use {max(batch_size // self.size, 1) * self.size}"
            )
        return batch_size // self.size


def current_world() -> World:
    """The processes that `torchrun` or `on_every_device` started this one among; one process otherwise."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return World()
    return World(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")))
