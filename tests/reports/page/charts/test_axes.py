"""Axes: values lie where they should, and ticks at round values."""

from __future__ import annotations

import math

import pytest

from pointlora.reports.page.charts.axes import Axis, log_axis, number_axis, share_axis


def test_a_linear_axis_is_a_line() -> None:
    axis = Axis(2.0, 4.0, 100.0, 0.0)
    assert [axis(value) for value in (2.0, 2.5, 4.0, 9.0, -1.0)] == [100.0, 75.0, 0.0, 0.0, 100.0]


def test_a_logarithmic_axis_has_equal_steps_for_equal_factors() -> None:
    axis = log_axis([1e3, 1e6], 0.0, 300.0)
    assert axis(1e4) - axis(1e3) == pytest.approx(axis(1e6) - axis(1e5), abs=0.03)
    assert axis(1500.0) == pytest.approx(300 * math.log(1500 / axis.low) / math.log(axis.high / axis.low), abs=0.01)
    assert [tick.text.replace("\u00a0", " ") for tick in axis.ticks] == ["1 k", "10 k", "100 k", "1 M"]

    assert [tick.text for tick in log_axis([60.0, 250.0], 0.0, 300.0).ticks] == ["50", "100", "200"]
    assert len(log_axis([76_500.0, 85_800.0], 0.0, 300.0).ticks) > 2


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.0, 1.0], ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]),
        ([0.81, 0.90], ["80 %", "85 %", "90 %", "95 %"]),
        ([0.995, 0.999], ["99.4 %", "99.5 %", "99.6 %", "99.7 %", "99.8 %", "99.9 %", "100.0 %"]),
        ([0.5, 0.5], ["49.0 %", "49.5 %", "50.0 %", "50.5 %", "51.0 %"]),
        ([1.0], ["99.0 %", "99.2 %", "99.4 %", "99.6 %", "99.8 %", "100.0 %"]),
    ],
)
def test_shares_in_round_percentages(values: list[float], texts: list[str]) -> None:
    axis = share_axis(values, 200.0, 0.0)
    assert [tick.text.replace("\u00a0", " ") for tick in axis.ticks] == texts
    assert (axis.ticks[0].at, axis.ticks[-1].at) == (200.0, 0.0)
    assert axis.low <= min(values)
    assert axis.high >= max(values)


def test_numbers_begin_at_zero_where_it_is_near() -> None:
    assert [tick.text for tick in number_axis([0.2, 1.9], 0, 1).ticks] == ["0.0", "0.5", "1.0", "1.5", "2.0"]
    assert [tick.text for tick in number_axis([1, 30], 0, 1, whole=True).ticks] == ["0", "10", "20", "30"]
    assert [tick.text for tick in number_axis([3.0, 3.0], 0, 1, whole=True).ticks] == ["3"]
    assert number_axis([-0.5, 0.5], 0, 1).ticks[0].text == "\N{MINUS SIGN}0.6"
