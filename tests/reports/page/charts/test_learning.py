"""Learning curves."""

from __future__ import annotations

from pointlora.reports.page.charts.learning import learning_charts
from pointlora.reports.page.content import Curve, Learning


def test_a_chart_for_each_unit_with_the_epoch_that_was_kept() -> None:
    curves = (
        Curve("training loss", "number", [2.0, 1.0, 0.5]),
        Curve("validation loss", "number", [2.0, 1.5, 1.0]),
        Curve("validation accuracy", "share", [0.2, None, 0.8]),
        Curve("test accuracy", "share", [None, None, None]),
    )
    accuracy, loss = learning_charts(Learning([1, 2, 3], curves, chosen=3))
    assert (accuracy.title, loss.title) == ("Accuracy", "Loss")
    assert [line.name for line in loss.lines] == ["training loss", "validation loss"]
    assert [line.name for line in accuracy.lines] == ["validation accuracy"]
    assert accuracy.chosen_epoch == 3
    assert accuracy.chosen == accuracy.x(3)
    # What wasn't measured is no corner of the line.
    x, y = accuracy.x, accuracy.y
    assert accuracy.lines[0].path == f"M{x(1):g} {y(0.2):g}L{x(3):g} {y(0.8):g}"
    assert [reading["values"] for reading in accuracy.readings] == [["20.0 %"], ["–"], ["80.0 %"]]
    assert accuracy.summary == "3 epochs: validation accuracy from 20.0 % to 80.0 %, at best 80.0 %."


def test_the_start_is_not_an_epoch_to_mark() -> None:
    curves = (Curve("accuracy", "share", [0.5]),)
    (chart,) = learning_charts(Learning([1], curves, chosen=0))
    assert (chart.chosen, chart.chosen_epoch) == (None, None)
    assert learning_charts(Learning([], (), None)) == []
