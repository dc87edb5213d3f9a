"""Where numbers of labels lie on an axis, and what is written there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import NamedTuple

# Ticks that are nearer to one another, as a part of the axis, become one.
_NEAR = 0.07
# Curves this close, in percent, lie on one another.
_ALIKE = 0.25


class CountTick(NamedTuple):
    """A mark of the axis: a number of labels of each class, above 0, and what is written there."""

    at: float
    text: str


def count_places(counts: Iterable[tuple[int | str, float | None]]) -> dict[int | str, float]:
    """The labels a class that each number of labels stands for, in the order given.

    Args:
        counts: what was asked for, and the mean over the classes of what there was; None where that is unknown, then a
            number stands for itself, and `all` for twice the largest. What comes again is left out.
    """
    places: dict[int | str, float] = {}
    for asked, found in counts:
        if asked not in places:
            known = found if found is not None else asked
            places[asked] = float(known) if not isinstance(known, str) else 2 * max(places.values(), default=0.5)
    return places


def count_ticks(places: Mapping[int | str, float]) -> list[CountTick]:
    """Marks at the numbers of labels, those that would cover one another as one, such as `20, all`."""
    ordered = sorted(places.items(), key=lambda item: item[1])
    span = math.log(ordered[-1][1] / ordered[0][1])
    groups: list[list[tuple[int | str, float]]] = []
    for item in ordered:
        if groups and math.log(item[1] / groups[-1][0][1]) <= _NEAR * span:
            groups[-1].append(item)
        else:
            groups.append([item])
    return [
        CountTick(math.exp(fmean(math.log(at) for _, at in group)), ", ".join(str(asked) for asked, _ in group))
        for group in groups
    ]


def covered(curves: Sequence[Sequence[tuple[float, float]]]) -> list[int]:
    """How many later curves lie on each one, and would hide it if all were as wide.

    Args:
        curves: of each its corners, the labels a class and the figure in percent.
    """
    return [sum(_alike(curve, later) for later in curves[number + 1 :]) for number, curve in enumerate(curves)]


def _alike(curve: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> bool:
    return len(curve) == len(other) and all(
        at == place and abs(figure - found) <= _ALIKE for (at, figure), (place, found) in zip(curve, other, strict=True)
    )
