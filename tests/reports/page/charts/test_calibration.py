"""The reliability diagram."""

from __future__ import annotations

import pytest

from pointlora.reports.page.charts.calibration import BARS, calibration_chart, verdict
from pointlora.reports.page.content import Bin, Calibration

BINS = (Bin(0.5, 0.6, 10, 0.55, 0.4), Bin(0.9, 1.0, 30, 0.95, 0.9))


def test_marks_lie_at_confidence_and_accuracy() -> None:
    chart = calibration_chart(Calibration(BINS, 0.075))
    assert chart is not None
    first, last = chart.marks
    assert (first.x, first.y, first.ideal) == (chart.x(0.55), chart.y(0.4), chart.y(0.55))
    assert (first.bar, last.bar) == (pytest.approx(BARS / 3, abs=0.01), BARS)
    assert first.text.replace("\u00a0", " ") == "10 clouds: confidence 55.0 %, accuracy 40.0 %"
    assert calibration_chart(Calibration((), 0.0)) is None


def test_the_verdict_weighs_bins_by_their_clouds() -> None:
    # (10 x 0.15 + 30 x 0.05) / 40 = 0.075
    said = verdict(Calibration(BINS, 0.075)).replace("\u00a0", " ")
    assert said == (
        "On average the model is surer than it is right, by 7.5 percentage points; expected calibration error 7.5 %."
    )
    assert "as sure as it is right" in verdict(Calibration((Bin(0.9, 1.0, 5, 0.95, 0.95),), 0.0))
    assert "less sure than it is right" in verdict(Calibration((Bin(0.9, 1.0, 5, 0.91, 0.95),), 0.04))
