"""What each method reaches with how many labels: curves with bands over the seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pointlora.reports.label_axis import count_places, count_ticks, covered
from pointlora.reports.page.charts.axes import Axis, Tick, share_axis
from pointlora.reports.page.content import Comparison, ComparisonRow
from pointlora.reports.page.formats import percent

WIDTH, HEIGHT = 520, 330
LEFT, RIGHT, TOP, BOTTOM = 42, 14, 12, 38


@dataclass(frozen=True)
class LabelLine:
    """A method: its curve, the outline of its band (empty where each number has one run), its dots with what is said of
    each, its place among the colours, and how many later curves lie on it: the more, the wider it is drawn."""

    name: str
    path: str
    band: str
    dots: Sequence[tuple[float, float, str]]
    color: int
    covered: int


@dataclass(frozen=True)
class LabelChart:
    """Curves of all methods: axes, lines, how many labels each number stands for, and a text alternative."""

    x: Axis
    y: Axis
    lines: Sequence[LabelLine]
    places: Mapping[int | str, float]
    summary: str
    width: int = WIDTH
    height: int = HEIGHT


def label_chart(comparison: Comparison) -> LabelChart | None:
    """A figure over the labels of each class, on a logarithmic axis, with bands of ± a standard deviation.

    None for fewer than two numbers of labels.
    """
    rows = [row for row in comparison.rows if row.labels_per_class is not None]
    places = count_places((row.labels_per_class, row.labels_a_class) for row in rows if row.labels_per_class)
    if len(set(places.values())) < 2:
        return None
    x = _axis(places, f"labels of each {comparison.counted_by} to train on (logarithmic)")
    y = share_axis([end for row in rows for end in _ends(row)], HEIGHT - BOTTOM, TOP, comparison.figure, room=0.03)
    curves = {
        name: sorted((places[row.labels_per_class or 0], at, row) for at, row in enumerate(rows) if row.name == name)
        for name in comparison.names
    }
    hidden = covered([[(place, 100 * row.mean) for place, _, row in own] for own in curves.values()])
    lines = [
        _line(name, [(x(place), row) for place, _, row in own], y, number % 7, hidden[number], comparison.counted_by)
        for number, (name, own) in enumerate(curves.items())
    ]
    return LabelChart(x, y, lines, places, _summary(comparison, rows))


def _axis(places: Mapping[int | str, float], title: str) -> Axis:
    low, high = min(places.values()), max(places.values())
    room = (high / low) ** 0.04
    axis = Axis(low / room, high * room, LEFT, WIDTH - RIGHT, (), True, title)
    ticks = [Tick(axis(tick.at), tick.text) for tick in count_ticks(places)]
    return Axis(axis.low, axis.high, axis.start, axis.end, ticks, True, title)


def _line(
    name: str, own: Sequence[tuple[float, ComparisonRow]], y: Axis, color: int, above: int, counted_by: str
) -> LabelLine:
    dots = [(across, y(row.mean), f"{name}, {_said(row, counted_by)}") for across, row in own]
    corners = [(across, y(_ends(row)[1])) for across, row in own]
    corners += [(across, y(_ends(row)[0])) for across, row in reversed(own)]
    spread = any(row.std for _, row in own)
    return LabelLine(
        name,
        "M" + "L".join(f"{a:g} {b:g}" for a, b, _ in dots),
        _outline(corners) if spread else "",
        dots,
        color,
        above,
    )


def _outline(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{a:g} {b:g}" for a, b in corners) + "Z"


def _ends(row: ComparisonRow) -> tuple[float, float]:
    std = row.std or 0.0
    return max(row.mean - std, 0.0), min(row.mean + std, 1.0)


def _said(row: ComparisonRow, counted_by: str) -> str:
    asked, found = row.labels_per_class, row.labels_a_class
    other = found is not None and not (isinstance(asked, int) and math.isclose(found, asked))
    mean = f" ({found:.1f} a {counted_by} on average)" if other else ""
    spread = "" if row.std is None else f" ± {percent(row.std)}"
    return f"labels {asked}{mean}: {percent(row.mean)}{spread}"


def _summary(comparison: Comparison, rows: Sequence[ComparisonRow]) -> str:
    """From where to where each curve goes."""
    said = []
    for name in comparison.names:
        own = [row for row in rows if row.name == name]
        said.append(f"{name} from {percent(own[0].mean)} to {percent(own[-1].mean)}")
    counts = list(dict.fromkeys(str(row.labels_per_class) for row in rows))
    return f"{comparison.figure} with {', '.join(counts)} labels a {comparison.counted_by}: {'; '.join(said)}."
