"""Calibration counted by hand."""

import numpy as np
import pytest

from pointlora.reports.calibration import CalibrationCounts


def test_by_hand():
    counts = CalibrationCounts()
    assert counts.result("clouds") is None
    counts.add(np.array([0.35, 0.4, 1.0]), np.array([True, False, True]))
    counts.add(np.array([0.92, 0.0]), np.array([False, False]))
    found = counts.result("points")
    assert [(b.low, b.high, b.count) for b in found.bins] == [(0.0, 0.1, 1), (0.3, 0.4, 2), (0.9, 1.0, 2)]
    assert [b.confidence for b in found.bins] == pytest.approx([0.0, 0.375, 0.96])
    assert [b.accuracy for b in found.bins] == pytest.approx([0.0, 0.5, 0.5])
    assert found.error == pytest.approx((0 + 2 * 0.125 + 2 * 0.46) / 5)
    assert found.of == "points"
