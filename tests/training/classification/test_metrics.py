import numpy as np
import pytest

from pointlora.training.classification.metrics import metrics_from

NAMES = ("cup", "fork", "plate")


@pytest.fixture
def metrics():
    # cup: 3 of 4; fork: 0 of 1; plate doesn't occur.
    return metrics_from(np.array([0, 0, 0, 0, 1]), np.array([0, 0, 0, 2, 0]), NAMES)


def test_figures_by_hand(metrics):
    assert metrics.confusion.tolist() == [[3, 0, 1], [1, 0, 0], [0, 0, 0]]
    assert metrics.accuracy == pytest.approx(3 / 5)
    assert metrics.per_class == {"cup": 0.75, "fork": 0.0, "plate": None}
    assert metrics.class_mean_accuracy == pytest.approx(0.375)
    assert metrics.as_dict()["count"] == 5
