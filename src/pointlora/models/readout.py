"""What the head of a classifier reads, and what it is. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pointlora.checks import check_choice, check_integer
from pointlora.errors import ConfigError

HEADS = ("mlp", "linear", "paired")
POOLINGS = ("class_token", "max", "mean")
# With four, the largest patches have eight times the points of the backbone's own.
MOST_SCALES = 4


class Readout(NamedTuple):
    """A head and its features; None stands for what the method, or else the published network, has.

    Attributes:
        head: `mlp`, the published one, `linear`, or, for classification, `paired`: a linear one and one with a hidden
            layer, side by side.
        levels: indices of the blocks whose outputs are pooled, from 0 on.
        pooling: what is read of each: `class_token` (what stands before the patches), `max` over the patches and what
            follows them, `mean` over the patches.
        scales: how many groupings of the cloud are read: the backbone's own, and each further one with half as many
            patches of twice as many points, which goes through the same tokenizer and blocks. No gradient goes through
            the further ones: steps would take longer, and on validation splits nothing was gained. Classification.
    """

    head: str | None = None
    levels: Sequence[int] | None = None
    pooling: Sequence[str] | None = None
    scales: int | None = None

    def over(self, others: Readout) -> Readout:
        """This one, with the values of `others` in the place of None."""
        return Readout(
            others.head if self.head is None else self.head,
            others.levels if self.levels is None else self.levels,
            others.pooling if self.pooling is None else self.pooling,
            others.scales if self.scales is None else self.scales,
        )

    def check(self, depth: int | None = None) -> Readout:
        """Itself, with lists as tuples and levels in order.

        Args:
            depth: number of blocks, where it is known.

        Raises:
            ConfigError: for an unknown name or a level that isn't there.
        """
        if self.head is not None:
            check_choice("model.head", self.head, HEADS)
        levels = None if self.levels is None else check_levels(self.levels, depth)
        if self.scales is not None:
            check_integer("model.scales", self.scales, 1, MOST_SCALES)
        if self.pooling is None:
            return self._replace(levels=levels)
        _check_several("model.pooling", self.pooling, "[max, mean]")
        for name in self.pooling:
            check_choice("each of model.pooling", name, POOLINGS)
        return self._replace(levels=levels, pooling=tuple(self.pooling))


def check_levels(levels: Any, depth: int | None) -> tuple[int, ...]:
    """Levels in order.

    Raises:
        ConfigError: for one that is no block of the model, or that is there twice.
    """
    _check_several("model.levels", levels, "[1, 3, 5]")
    most = "" if depth is None else f" to {depth - 1}"
    for level in levels:
        if not isinstance(level, int) or isinstance(level, bool) or level < 0 or (depth is not None and level >= depth):
            raise ConfigError(f"model.levels holds {level!r}, but it must name blocks of the model, from 0{most}")
    return tuple(sorted(levels))


def _check_several(name: str, values: Any, example: str) -> None:
    if not isinstance(values, (list, tuple)) or not values or len({*map(str, values)}) < len(values):
        raise ConfigError(f"{name} is {values!r}, but it must be a list that names each once, such as {example}")


def feature_levels(depth: int) -> tuple[int, ...]:
    """The last block of each third of them; (3, 7, 11) of 12."""
    return tuple(sorted({max(depth * third // 3, 1) - 1 for third in (1, 2, 3)}))


def linear_readout(depth: int, scales: int = 1) -> Readout:
    """A linear head on maximum and mean of three levels of each scale."""
    return Readout("linear", feature_levels(depth), ("max", "mean"), scales)


def paired_readout(depth: int, pooling: Sequence[str]) -> Readout:
    """A paired head on this pooling of three levels of two scales."""
    return Readout("paired", feature_levels(depth), pooling, 2)
