"""The parts that are measured, in the order of the table; a new one is one more line here."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """Where a case is made, and what it is."""

    module: str
    function: str
    description: str

    def load(self) -> Callable[..., Any]:
        """Its function: a context to a `Case`, or (memory) to results."""
        return getattr(importlib.import_module(f".{self.module}", __name__), self.function)


CASES: dict[str, Entry] = {
    "fps": Entry("geometry", "fps", "farthest point sampling, 32 x 2048 to 128"),
    "knn": Entry("geometry", "knn", "32 nearest neighbours of 128 centers, 32 x 2048 points"),
    "grouping": Entry("geometry", "grouping", "all patches of a batch of 32 clouds, three groupings in the plain form"),
    "tokenizer": Entry("network", "tokenizer", "patches to tokens and positions, all scales"),
    "blocks": Entry("network", "blocks", "all blocks with low-rank updates and prompts"),
    "head": Entry("network", "head", "final norm, pooling, head"),
    "evaluate": Entry("network", "evaluate", "points to logits, a batch"),
    "latency": Entry("network", "latency", "points to logits, one cloud"),
    "train": Entry("training", "train", "a training step, AdamW included"),
    "features": Entry("training", "features", "a step of pointlora-plus on 3 features; `plain` is that without any"),
    "pretrain": Entry("training", "pretrain", "a step of masked pre-training, 64 patches, 60 % masked"),
    "loading": Entry("loading", "loading", "16 clouds of 8192 points to a training batch of 16 x 1024"),
    "startup": Entry("startup", "startup", "`pointlora predict` on one file, from process start to answer"),
    "memory": Entry("memory", "memory", "highest memory of a training step beyond an interpreter with torch"),
}
