"""Charts of a comparison: accuracy over what a method costs, and every run of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pointlora.reports.page.charts.axes import Axis, log_axis, share_axis
from pointlora.reports.page.content import Comparison, ComparisonRow
from pointlora.reports.page.formats import duration, percent, short_count

WIDTH, HEIGHT = 340, 260
LEFT, RIGHT, TOP, BOTTOM = 42, 14, 14, 38
ROW = 34


@dataclass(frozen=True)
class CostMark:
    """A method: its dot, the ends of its interval, where its name stands, and what is said of it."""

    name: str
    x: float
    y: float
    top: float
    bottom: float
    label_x: float
    label_y: float
    anchor: str
    color: int
    text: str


@dataclass(frozen=True)
class CostChart:
    """Accuracy over one cost: its title, axes, marks, and a text alternative."""

    title: str
    x: Axis
    y: Axis
    marks: Sequence[CostMark]
    summary: str
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class RunRow:
    """A method's runs on a line: dots with what is said of each, the mean, and the ends of its interval."""

    name: str
    y: float
    dots: Sequence[tuple[float, str]]
    mean: float
    low: float | None
    high: float | None
    color: int
    text: str


@dataclass(frozen=True)
class RunChart:
    """Every run of each method: axis, lines, polylines that join the runs of one seed, and a text alternative."""

    x: Axis
    rows: Sequence[RunRow]
    seeds: Sequence[tuple[str, str]]
    summary: str
    width: int = WIDTH
    height: int = HEIGHT


_COSTS = (
    ("trained parameters", "trained_parameters", short_count),
    ("share of the training labels", "labels", percent),
    ("training time", "seconds", duration),
)


def cost_charts(comparison: Comparison) -> list[CostChart]:
    """Over each cost that is known of all methods and differs between them; with several numbers of labels, of the
    largest."""
    charts = []
    for title, field, write in _COSTS:
        costs = [getattr(row, field) for row in comparison.with_most_labels]
        if len(costs) > 1 and all(cost is not None and cost > 0 for cost in costs) and len(set(costs)) > 1:
            charts.append(_cost_chart(comparison, title, costs, write))
    return charts


def _cost_chart(comparison: Comparison, title: str, costs: Sequence[float], write: Callable[[float], str]) -> CostChart:
    rows = comparison.with_most_labels
    ends = [end for row in rows for end in (row.mean, row.low, row.high) if end is not None]
    x = _in_units(log_axis(costs, LEFT, WIDTH - RIGHT, title), title)
    y = share_axis(ends, HEIGHT - BOTTOM, TOP, comparison.figure)
    marks: list[CostMark] = []
    for color, (row, cost) in enumerate(zip(rows, costs, strict=True)):
        low, high = (row.mean if end is None else end for end in (row.low, row.high))
        left = x(cost) > WIDTH * 0.62
        label_x, label_y = x(cost) + (-9 if left else 9), y(row.mean) + 4
        # A name moves down until it is clear of those that stand already.
        while any(abs(label_y - mark.label_y) < 14 and abs(label_x - mark.label_x) < 110 for mark in marks):
            label_y += 5
        text = f"{row.name}: {_interval(row)}; {title} {write(cost)}"
        anchor = "end" if left else "start"
        marks.append(
            CostMark(row.name, x(cost), y(row.mean), y(high), y(low), label_x, label_y, anchor, color % 7, text)
        )
    best = max(rows, key=lambda row: row.mean)
    summary = f"{comparison.figure} over {title}, {len(rows)} methods; the highest mean is {percent(best.mean)}."
    return CostChart(title, x, y, marks, summary)


def _in_units(axis: Axis, title: str) -> Axis:
    unit = {"training time": ", s", "share of the training labels": ""}.get(title, "")
    return Axis(axis.low, axis.high, axis.start, axis.end, axis.ticks, axis.log, f"{title}{unit} (logarithmic)")


def run_chart(comparison: Comparison) -> RunChart | None:
    """None if no method has more than one run; with several numbers of labels, of the largest."""
    rows = comparison.with_most_labels
    if not rows or max(len(row.values) for row in rows) < 2:
        return None
    values = [value for row in rows for value in (*row.values, row.low, row.high) if value is not None]
    x = share_axis(values, 12, WIDTH - 12, comparison.figure, room=0.03)
    lines = []
    for number, row in enumerate(rows):
        dots = [
            (x(value), f"{name}: {percent(value, 2)}") for name, value in zip(comparison.runs, row.values, strict=False)
        ]
        low, high = (None if end is None else x(end) for end in (row.low, row.high))
        lines.append(RunRow(row.name, 30 + ROW * number, dots, x(row.mean), low, high, number % 7, _interval(row)))
    seeds = [
        (name, " ".join(f"{line.dots[run][0]:g},{line.y:g}" for line in lines if run < len(line.dots)))
        for run, name in enumerate(comparison.runs)
    ]
    said = "; ".join(f"{row.name} {_interval(row)}" for row in rows)
    height = 30 + ROW * (len(rows) - 1) + 56
    return RunChart(
        x, lines, seeds if len(rows) > 1 else [], f"{comparison.figure}, run by run: {said}.", WIDTH, height
    )


def _interval(row: ComparisonRow) -> str:
    ends = "" if row.low is None or row.high is None else f" ({percent(row.low)} to {percent(row.high)})"
    return f"{percent(row.mean)}{ends}"
