"""Figures over seeds against values worked out by hand and from printed tables."""

import pytest

from pointlora.reports.statistics import paired_difference, share_interval, spread, student_quantile


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [
        (1, 12.7062),
        (2, 4.30265),
        (3, 3.18245),
        (4, 2.77645),
        (9, 2.26216),
        (10, 2.22814),
        (30, 2.04227),
        (200, 1.97190),
    ],
)
def test_quantiles_are_those_of_the_tables(freedom, expected):
    assert student_quantile(0.95, freedom) == pytest.approx(expected, rel=2e-6)


def test_the_interval_of_a_mean_share_by_hand():
    assert share_interval(0.5, 0.1, 4) == pytest.approx((0.5 - 3.18245 * 0.05, 0.5 + 3.18245 * 0.05), abs=1e-6)
    assert share_interval(0.99, 0.1, 4) == pytest.approx((0.99 - 3.18245 * 0.05, 1), abs=1e-6)
    assert share_interval(0.5, None, 1) == (None, None)


def test_other_confidences():
    assert student_quantile(0.99, 4) == pytest.approx(4.60409, rel=1e-5)
    assert student_quantile(0.5, 1) == pytest.approx(1)  # the quartile of Cauchy's distribution
    with pytest.raises(ValueError, match="confidence 1.0"):
        student_quantile(1.0, 3)
    with pytest.raises(ValueError, match="0 degrees"):
        student_quantile(0.9, 0)


def test_spread_by_hand():
    assert spread([0.6, 0.7, 0.8]) == pytest.approx((0.7, 0.1))
    assert spread([0.5]) == (0.5, None)
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_paired_interval_by_hand():
    # Differences 0.02, 0.04, 0.03: mean 0.03, standard deviation 0.01; 4.30265 * 0.01 / sqrt(3) = 0.0248414.
    found = paired_difference([0.62, 0.74, 0.83], [0.60, 0.70, 0.80])
    assert found == pytest.approx((0.03, 0.0051586, 0.0548414), abs=1e-6)
    # The spread over the seeds is ten times that of the differences, and doesn't matter.
    assert spread([0.62, 0.74, 0.83]).std == pytest.approx(0.1054, abs=1e-4)
    assert paired_difference([0.5], [0.4]) == pytest.approx((0.1, None, None))
    with pytest.raises(ValueError, match="zip"):
        paired_difference([0.5], [0.4, 0.5])
