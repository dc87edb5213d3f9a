import numpy as np
import pytest

from pointlora.training.classification.metrics import confusion_csv, metrics_from, metrics_table

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


def test_confusion_csv(metrics):
    assert confusion_csv(metrics).splitlines() == [
        "true \\ predicted,cup,fork,plate",
        "cup,3,0,1",
        "fork,1,0,0",
        "plate,0,0,0",
    ]


def test_table_says_what_it_is_about(metrics):
    lines = metrics_table(metrics, "caption").splitlines()
    assert lines[0] == "caption"
    assert "60.00 %  of 5" in lines[1]
    assert "37.50 %" in lines[2]
    assert lines[5].split() == ["plate", "-", "%", "of", "0"]
    assert len({line.index("%") for line in lines[1:]}) == 1
