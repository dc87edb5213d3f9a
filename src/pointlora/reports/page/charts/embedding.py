"""The map of the clouds' features: dots of the right ones by class, crosses of the wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pointlora.reports.page.content import EmbeddingMap
from pointlora.reports.page.formats import percent

SIZE, EDGE = 520, 22
# Colours that a reader can tell apart; classes beyond take them again, with dots of another shape.
COLORS, SHAPES = 7, 3
# From here on marks are small.
MANY = 1500


@dataclass(frozen=True)
class Group:
    """Clouds of one class that are right (or of unknown class), or wrong: marks as one path, and the numbers of a
    colour and a shape."""

    label: int
    wrong: bool
    path: str
    color: int
    shape: int


@dataclass(frozen=True)
class MapChart:
    """The map: groups to draw, places (n, 2) in whole units for the pointer, a text alternative, and whether there are
    so many marks that they must be small."""

    groups: Sequence[Group]
    places: np.ndarray
    summary: str
    x_title: str
    y_title: str
    many: bool
    size: int = SIZE


def map_chart(embedding: EmbeddingMap, names: Sequence[str]) -> MapChart:
    """Right ones lie below wrong ones; a class keeps its colour in both."""
    half = SIZE / 2 - EDGE
    places = np.rint(SIZE / 2 + half * np.asarray(embedding.xy, dtype=np.float64) * (1, -1)).astype(np.int16)
    true, predicted = np.asarray(embedding.true), np.asarray(embedding.predicted)
    known = (true >= 0) & (predicted >= 0)
    wrong, label = known & (true != predicted), np.where(true >= 0, true, predicted)
    groups, many = [], len(true) > MANY
    for bad in (False, True):
        for number in sorted({int(value) for value in label[wrong == bad]}):
            chosen = places[(wrong == bad) & (label == number)]
            path = _crosses(chosen, 2 if many else 4) if bad else _dots(chosen)
            groups.append(Group(number, bad, path, number % COLORS, number // COLORS % SHAPES))
    count, errors = len(true), int(wrong.sum())
    summary = f"{count:,} clouds of {len({int(value) for value in label})} classes on two principal components"
    summary += f"; {errors:,} of them are wrong and drawn as crosses." if known.any() else "."
    first, second = embedding.explained
    titles = (f"1st component, {percent(first, 0)} of the variance", f"2nd, {percent(second, 0)}")
    return MapChart(groups, places, summary, *titles, many)


def _dots(places: np.ndarray) -> str:
    """Lines of no length, which a round cap makes dots."""
    return "".join(f"M{x} {y}h0" for x, y in places)


def _crosses(places: np.ndarray, arm: int) -> str:
    side = 2 * arm
    return "".join(f"M{x - arm} {y - arm}l{side} {side}m0-{side}l-{side} {side}" for x, y in places)
