"""Seeds from tuples, and torch's generators seeded for a while."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator

import torch


def derive_seed(*parts: int | str) -> int:
    """A 63-bit seed from a tuple; different tuples give unrelated seeds (BLAKE2b)."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


@contextlib.contextmanager
def isolated_randomness(*parts: int | str) -> Iterator[None]:
    """Seed torch's generators from `parts` inside the block, and put the caller's state back after it."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(derive_seed(*parts))
        yield
