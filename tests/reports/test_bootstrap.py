"""Bootstrap intervals against the binomial's own spread, and where nothing can be drawn."""

import math

import numpy as np
import pytest

from pointlora.reports.bootstrap import Ends, classifier_intervals, mean_intervals


def test_of_a_confusion_matrix():
    matrix = np.array([[90, 10, 0], [20, 80, 0], [0, 0, 0]])
    overall, mean, per_class = classifier_intervals(matrix)
    for ends, share, count in ((overall, 0.85, 200), (per_class[0], 0.9, 100), (per_class[1], 0.8, 100)):
        half = 1.96 * math.sqrt(share * (1 - share) / count)
        assert ends.low == pytest.approx(share - half, abs=0.2 * half)
        assert ends.high == pytest.approx(share + half, abs=0.2 * half)
    half = 1.96 * math.sqrt(0.09 / 100 + 0.16 / 100) / 2  # of the mean of two independent shares
    assert mean.high - mean.low == pytest.approx(2 * half, rel=0.1)
    assert per_class[2] == Ends(None, None)
    assert classifier_intervals(matrix) == (overall, mean, per_class)


def test_of_nothing_and_of_what_is_always_right():
    assert classifier_intervals(np.zeros((2, 2), dtype=np.int64))[0] == Ends(None, None)
    assert classifier_intervals(np.diag([5, 3]))[0] == Ends(1.0, 1.0)


def test_of_functions_of_counts(monkeypatch):
    values = np.random.default_rng(0).normal(size=400)

    def mean(weights):
        assert (weights.sum(1) == 400).all()
        return (weights @ values / 400)[:, None]

    (ends,) = mean_intervals(mean, 400)
    half = 1.96 * values.std() / 20
    assert (ends.low, ends.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.2 * half)
    monkeypatch.setattr("pointlora.reports.bootstrap._AT_ONCE", 1)  # a row at a time
    assert mean_intervals(mean, 400)[0] == pytest.approx(ends)
