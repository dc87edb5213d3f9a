"""Which clouds a page shows where there are too many: wrong ones first, and some of every class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST_SHOWN = 200
MOST_MAPPED = 2000


def choose_shown(
    surprise: NDArray[np.float64],
    predicted: NDArray[np.int64],
    true: NDArray[np.int64] | None = None,
    most: int = MOST_SHOWN,
) -> NDArray[np.int64]:
    """Indices of clouds to show, the most surprising first; all where there are at most `most`.

    Of more there are, as far as there is room: of every true and of every predicted class the most and the least
    surprising one, one of every kind of mistake, the most surprising ones, and evenly spread ones of the rest.

    Args:
        surprise: (n,).
        predicted: (n,) classes.
        true: (n,) classes, -1 for unknown; None where none is known.
        most: how many.
    """
    order = np.argsort(-surprise, kind="stable")
    if len(order) <= most:
        return order
    chosen = np.zeros(len(order), dtype=bool)  # by rank in `order`
    truth = np.full(len(order), -1) if true is None else true
    for keys in (truth[order], predicted[order]):
        for rank in [*_firsts(keys), *(len(order) - 1 - _firsts(keys[::-1]))]:
            if chosen.sum() < most // 2:
                chosen[rank] = True
    wrong = np.flatnonzero(truth[order] != predicted[order]) if true is not None else np.zeros(0, dtype=np.int64)
    pairs = truth[order][wrong] * (predicted.max(initial=0) + 1) + predicted[order][wrong]
    for rank in wrong[_firsts(pairs)]:
        if chosen.sum() < 3 * most // 4:
            chosen[rank] = True
    free = np.flatnonzero(~chosen)
    chosen[free[: max(3 * most // 4 - int(chosen.sum()), 0)]] = True
    free = np.flatnonzero(~chosen)
    chosen[free[spread_evenly(len(free), most - int(chosen.sum()))]] = True
    return order[chosen]


def choose_balanced(labels: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most `most` ascending indices with about as many of each class, evenly spread within it."""
    if len(labels) <= most:
        return np.arange(len(labels))
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    rooms = np.zeros(len(members), dtype=np.int64)
    sizes = np.array([len(own) for own in members])
    for _ in range(most):  # one more of a class that has fewest so far
        rooms[np.where(rooms < sizes, rooms, most + 1).argmin()] += 1
    picked = [own[spread_evenly(len(own), int(room))] for own, room in zip(members, rooms, strict=True)]
    return np.sort(np.concatenate(picked))


def spread_evenly(count: int, wanted: int) -> NDArray[np.int64]:
    """At most `wanted` different indices below `count`, evenly spread, ascending."""
    wanted = min(count, wanted)
    return np.arange(wanted) * count // max(wanted, 1)


def _firsts(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each key but -1 comes for the first time, ascending."""
    found, first = np.unique(keys, return_index=True)
    return np.sort(first[found != -1])
