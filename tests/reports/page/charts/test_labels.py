"""Learning curves of a page."""

from pointlora.reports.page.charts.comparison import cost_charts, run_chart
from pointlora.reports.page.charts.labels import label_chart
from pointlora.reports.page.content import Comparison, ComparisonRow


def row(name, labels, mean, std=0.02, found=None, **more):
    return ComparisonRow(
        name, [mean - std, mean + std], mean, std, labels_per_class=labels, labels_a_class=found or labels, **more
    )


ROWS = (
    row("a", 1, 0.4, trained_parameters=1e4),
    row("b", 1, 0.3, trained_parameters=1e6),
    row("a", 10, 0.6, trained_parameters=1e4),
    row("b", 10, 0.7, trained_parameters=1e6),
    row("a", "all", 0.8, 0.01, 40.0, trained_parameters=1e4),
    row("b", "all", 0.9, 0.01, 40.0, trained_parameters=1e6),
)


def test_curves_of_all_methods_with_bands() -> None:
    chart = label_chart(Comparison("accuracy", ["seed 0", "seed 1"], ROWS))
    assert chart is not None
    assert chart.places == {1: 1, 10: 10, "all": 40.0}
    assert [tick.text for tick in chart.x.ticks] == ["1", "10", "all"]
    first, second = chart.lines
    assert (first.name, second.name, first.color, second.color) == ("a", "b", 0, 1)
    assert [(x, y) for x, y, _ in second.dots] == [
        (chart.x(at), chart.y(mean)) for at, mean in ((1, 0.3), (10, 0.7), (40, 0.9))
    ]
    assert first.band.startswith(f"M{chart.x(1):g} {chart.y(0.42):g}L{chart.x(10):g} {chart.y(0.62):g}L")
    assert first.band.endswith(f"L{chart.x(1):g} {chart.y(0.38):g}Z")
    assert second.dots[2][2].replace("\u00a0", " ") == "b, labels all (40.0 a class on average): 90.0 % ± 1.0 %"
    assert second.dots[0][2].replace("\u00a0", " ") == "b, labels 1: 30.0 % ± 2.0 %"
    assert "a from 40.0" in chart.summary


def test_a_curve_that_another_lies_on_is_told() -> None:
    same = [row(name, labels, mean) for labels, mean in ((1, 0.4), (10, 0.6)) for name in ("probe", "plus")]
    chart = label_chart(Comparison("accuracy", ["seed 0", "seed 1"], [*same, row("a", 1, 0.3), row("a", 10, 0.6)]))
    assert chart is not None
    assert [(line.name, line.covered) for line in chart.lines] == [("probe", 1), ("plus", 0), ("a", 0)]


def test_other_charts_are_of_the_largest_number_of_labels() -> None:
    comparison = Comparison("accuracy", ["seed 0", "seed 1"], ROWS)
    assert (comparison.names, comparison.most_labels) == (["a", "b"], "all labels")
    (costs,) = cost_charts(comparison)
    assert [mark.y for mark in costs.marks] == [costs.y(0.8), costs.y(0.9)]
    runs = run_chart(comparison)
    assert runs is not None
    assert [line.name for line in runs.rows] == ["a", "b"]
    fewer = Comparison("accuracy", ["seed 0", "seed 1"], ROWS[:4], counted_by="category")
    assert fewer.most_labels == "10 labels a category"


def test_one_number_of_labels_makes_no_curve() -> None:
    assert label_chart(Comparison("accuracy", ["seed 0"], ROWS[:2])) is None
    assert label_chart(Comparison("accuracy", ["seed 0"], [ComparisonRow("a", [0.8], 0.8)])) is None
    single = [row("a", 1, 0.4), ComparisonRow("a", [0.5], 0.5, labels_per_class=2)]
    chart = label_chart(Comparison("accuracy", ["seed 0"], single))
    assert chart is not None
    plain = [ComparisonRow("a", [0.5], 0.5, labels_per_class=n) for n in (2, "all")]
    chart = label_chart(Comparison("accuracy", ["seed 0"], plain))
    assert chart is not None
    assert chart.lines[0].band == ""
    assert chart.places == {2: 2, "all": 4}
