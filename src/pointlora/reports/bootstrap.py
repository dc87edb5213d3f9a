"""Intervals of figures over clouds, by the percentile bootstrap (Efron and Tibshirani, 1993): always the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointlora.data.sampling import sample_generator

DRAWS = 1000
CONFIDENCE = 0.95
# Weights of clouds that are in memory at once.
_AT_ONCE = 2**21


class Ends(NamedTuple):
    """The ends of an interval; both None where nothing was measured."""

    low: float | None
    high: float | None


def classifier_intervals(matrix: NDArray[np.int64]) -> tuple[Ends, Ends, list[Ends]]:
    """Intervals of overall accuracy, of the mean over classes, and of each class's accuracy.

    Clouds are drawn anew, as many as there are: what is drawn of each class are hits and misses.

    Args:
        matrix: (C, C) counts, rows are true classes.
    """
    hits, counts = np.diag(matrix), matrix.sum(1)
    cells = np.concatenate([hits, counts - hits]).astype(np.float64)
    total = int(cells.sum())
    if not total:
        return Ends(None, None), Ends(None, None), [Ends(None, None)] * len(hits)
    drawn = _generator().multinomial(total, cells / total, size=DRAWS)
    right, wrong = drawn[:, : len(hits)], drawn[:, len(hits) :]
    with np.errstate(invalid="ignore"):
        per_class = right / (right + wrong)  # NaN where a class was drawn in vain
    present = counts > 0
    return (
        _ends(right.sum(1) / total),
        _ends(np.nanmean(per_class[:, present], axis=1)),
        [_ends(column) if there else Ends(None, None) for column, there in zip(per_class.T, present, strict=True)],
    )


def mean_intervals(statistics: Callable[[NDArray[np.int64]], NDArray[np.float64]], clouds: int) -> list[Ends]:
    """Intervals of figures that are functions of how often each cloud is counted.

    Args:
        statistics: (R, n) counts of the clouds to R rows of figures.
        clouds: n.
    """
    rows = np.concatenate([statistics(weights) for weights in _weights(clouds)])
    return [_ends(column) for column in rows.T]


def _weights(clouds: int) -> Iterator[NDArray[np.int64]]:
    """Rows that say how often each cloud was drawn, all `DRAWS` of them."""
    generator, rows = _generator(), max(_AT_ONCE // max(clouds, 1), 1)
    for first in range(0, DRAWS, rows):
        yield generator.multinomial(clouds, np.full(clouds, 1 / clouds), size=min(rows, DRAWS - first))


def _ends(values: NDArray[np.float64]) -> Ends:
    known = values[~np.isnan(values)]
    if not len(known):
        return Ends(None, None)
    low, high = np.quantile(known, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return Ends(float(low), float(high))


def _generator() -> np.random.Generator:
    return sample_generator(0, 0, 0, "bootstrap")
