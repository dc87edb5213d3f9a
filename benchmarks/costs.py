"""Operations and bytes that a part can't do without, counted from its sizes, and the time that they take at least.

Counted are matrix products (a multiplication and an addition each count one) and bytes that must move even if all in
between stayed in cache: weights, inputs, results. What a clever form of the same arithmetic saves isn't counted:
patches of equal scales are cut and tokenized once, and a layer on joined inputs is applied to the repeated part once a
patch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from pointlora.models.sizes import Sizes

from .machine import Machine

FLOAT = 4  # bytes
INDEX = 8


@dataclass(frozen=True)
class Cost:
    """Work of a part.

    Attributes:
        flops: operations of matrix products.
        memory: bytes to and from memory.
        cached: bytes to and from the cache, for loops over a small working set.
    """

    flops: float = 0.0
    memory: float = 0.0
    cached: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.memory + other.memory, self.cached + other.cached)

    def __mul__(self, factor: float) -> Cost:
        return Cost(self.flops * factor, self.memory * factor, self.cached * factor)

    def seconds(self, machine: Machine, dtype: torch.dtype = torch.float32) -> float:
        """The longest of what products, memory and cache take, as if they overlapped perfectly.

        Without a cache bandwidth (a GPU) the cache counts nothing; 0 means that nothing is known.
        """
        rate = machine.bfloat16_rate if dtype == torch.bfloat16 else machine.float32_rate
        cached = self.cached / machine.cache_bandwidth if machine.cache_bandwidth else 0.0
        return max(self.flops / rate, self.memory / machine.memory_bandwidth, cached)


@dataclass(frozen=True)
class Passes:
    """How often a layer's product is done: forward, gradient of the input, gradient of the weight."""

    frozen: int = 1
    trained: int = 1
    first: int = 1  # a trained layer whose input is data


FORWARD = Passes()
TUNING = Passes(frozen=2, trained=3, first=2)
FULL = Passes(frozen=3, trained=3, first=2)


def linear(rows: float, width_in: int, width_out: int, passes: int = 1) -> Cost:
    """A linear layer on (rows, width_in)."""
    return Cost(2 * rows * width_in * width_out, FLOAT * width_in * width_out) * passes


def sampling(batch: int, points: int, picks: int) -> Cost:
    """Farthest points: each pick reads three coordinates and a distance of every point and writes the distance."""
    return Cost(cached=5 * FLOAT * batch * points * (picks - 1))


def neighbors(batch: int, queries: int, points: int, count: int) -> Cost:
    """Nearest points: the matrix of distances written and read once, and the indices."""
    return Cost(memory=2 * FLOAT * batch * queries * points + INDEX * batch * queries * count)


def grouping(batch: int, points: int, scales: Sequence[tuple[int, int]]) -> Cost:
    """All scales: one sampling run and one search for the largest of each, and the patches."""
    groups, size = max(g for g, _ in scales), max(s for _, s in scales)
    patches = Cost(memory=2 * 3 * FLOAT * batch * sum(g * s for g, s in set(scales)))
    return sampling(batch, points, groups) + neighbors(batch, groups, points, size) + patches


def tokenizer(patches: float, size: int, dims: Sequence[int], width: int, passes: Passes = FORWARD) -> Cost:
    """The mini-PointNet; in tuning its first stage is trained and its second is frozen."""
    *first, hidden = dims
    rows, total = patches * size, linear(patches * size, 3, first[0], passes.first)
    for width_in, width_out in pairwise(first):
        total += linear(rows, width_in, width_out, passes.trained)
    total += linear(rows, first[-1], hidden, passes.frozen) + linear(patches, first[-1], hidden, passes.frozen)
    # The last maximum hands on one gradient per channel: the backward adds as many rows of the weight, once per patch.
    return total + linear(rows, hidden, width) + linear(patches, hidden, width, passes.frozen - 1)


def block(batch: int, tokens: int, width: int, passes: Passes = FORWARD, rank: int = 0, prompt: int = 0) -> Cost:
    """A transformer block with low-rank updates and prompts beside `qkv` and `proj` and before the block."""
    rows = batch * tokens
    total = linear(rows, width, 3 * width, passes.frozen) + linear(rows, width, width, passes.frozen)
    total += (linear(rows, width, 4 * width, passes.frozen)) * 2
    # Two products of every token with every other; each has gradients for both of its sides.
    total += Cost(4 * batch * tokens**2 * width) * passes.trained
    for width_out in (3 * width, width):
        if rank:
            total += linear(rows, width, rank, passes.trained) + linear(rows, rank, width_out, passes.trained)
        if prompt:
            total += linear(rows, width, prompt, passes.trained) + linear(rows, prompt, width_out, passes.trained)
    return total + linear(rows, width, prompt, passes.trained) * (2 if prompt else 0)


def head(batch: int, width: int, num_classes: int, passes: Passes = FORWARD) -> Cost:
    """The classification head on 2C features."""
    layers = pairwise((2 * width, 256, 256, num_classes))
    return sum((linear(batch, a, b, passes.trained) for a, b in layers), Cost())


def scales_of(sizes: Sizes) -> list[tuple[int, int]]:
    """The release's groupings: the main one, itself again, and half as many patches of twice the size."""
    main = (sizes.num_groups, sizes.group_size)
    return [main, main, (sizes.num_groups // 2, 2 * sizes.group_size)]


def sequence_length(sizes: Sizes) -> int:
    """Tokens of PointLoRA's sequence: class, patches, a quarter and a sixteenth of the patches selected."""
    return 1 + sizes.num_groups + sizes.num_groups // 4 + max(sizes.num_groups // 16, 1)


def tokenizers(batch: int, sizes: Sizes, passes: Passes = FORWARD) -> Cost:
    """Tokens of all distinct scales."""
    distinct = sorted(set(scales_of(sizes)))
    parts = (tokenizer(batch * g, s, sizes.tokenizer_dims, sizes.embed_dim, passes) for g, s in distinct)
    return sum(parts, Cost())


def blocks(batch: int, sizes: Sizes, passes: Passes = FORWARD, adapted: bool = True) -> Cost:
    """All blocks."""
    extra = {"rank": 8, "prompt": 32} if adapted else {}
    return block(batch, sequence_length(sizes), sizes.embed_dim, passes, **extra) * sizes.depth


def classifier(batch: int, points: int, sizes: Sizes, num_classes: int, passes: Passes = FORWARD) -> Cost:
    """A forward, or a forward and a backward, of the whole classifier; grouping has no gradient."""
    network = tokenizers(batch, sizes, passes) + blocks(batch, sizes, passes)
    return grouping(batch, points, scales_of(sizes)) + network + head(batch, sizes.embed_dim, num_classes, passes)


def pretraining(batch: int, points: int, sizes: Sizes, masked: int, decoder_depth: int = 4) -> Cost:
    """A step of masked pre-training that tokenizes the visible patches only."""
    visible, width = sizes.num_groups - masked, sizes.embed_dim
    encoder = tokenizer(batch * visible, sizes.group_size, sizes.tokenizer_dims, width, FULL)
    encoder += block(batch, visible, width, FULL) * sizes.depth
    decoder = block(batch, sizes.num_groups, width, FULL) * decoder_depth
    rebuilt = linear(batch * masked, width, 3 * sizes.group_size, 3)
    return grouping(batch, points, [sizes.scale]) + encoder + decoder + rebuilt


def optimizer(trained: int) -> Cost:
    """AdamW: weight, gradient and two moments read, weight and moments written."""
    return Cost(memory=7 * FLOAT * trained)
