"""Charts of a comparison."""

from __future__ import annotations

from pointlora.reports.page.charts.comparison import cost_charts, run_chart
from pointlora.reports.page.content import Comparison, ComparisonRow

ROWS = (
    ComparisonRow("a", [0.8, 0.9], 0.85, 0.07, 0.8, 0.9, trained_parameters=1e4, seconds=60, labels=0.1),
    ComparisonRow("b", [0.7, 0.8], 0.75, 0.07, 0.7, 0.8, trained_parameters=1e6, seconds=None, labels=0.1),
)


def test_a_chart_for_each_cost_that_is_known_and_differs() -> None:
    (chart,) = cost_charts(Comparison("accuracy", ["seed 0", "seed 1"], ROWS))
    assert chart.title == "trained parameters"
    first, last = chart.marks
    assert (first.x, first.y, first.top, first.bottom) == (chart.x(1e4), chart.y(0.85), chart.y(0.9), chart.y(0.8))
    assert first.x < last.x
    # Names of marks at the right stand to their left, such that they don't leave the chart.
    assert (first.anchor, last.anchor) == ("start", "end")
    assert first.text.replace("\u00a0", " ") == "a: 85.0 % (80.0 % to 90.0 %); trained parameters 10 k"


def test_every_run_has_its_dot_and_lines_join_those_of_a_seed() -> None:
    chart = run_chart(Comparison("accuracy", ["seed 0", "seed 1"], ROWS))
    assert chart is not None
    assert [[at for at, _ in row.dots] for row in chart.rows] == [
        [chart.x(0.8), chart.x(0.9)],
        [chart.x(0.7), chart.x(0.8)],
    ]
    name, line = chart.seeds[0]
    assert name == "seed 0"
    assert line == " ".join(f"{chart.x(value):g},{row.y:g}" for value, row in zip((0.8, 0.7), chart.rows, strict=True))
    assert run_chart(Comparison("accuracy", ["seed 0"], [ComparisonRow("a", [0.8], 0.8)])) is None
