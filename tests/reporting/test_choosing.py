"""Which clouds are shown where there are too many."""

import numpy as np
import pytest

from pointlora.reporting.choosing import choose_balanced, choose_shown, spread_evenly


def test_few_are_all_shown_the_most_surprising_first():
    order = choose_shown(np.array([0.1, 3.0, 0.2]), np.array([0, 1, 0]), np.array([0, 0, 0]))
    assert order.tolist() == [1, 2, 0]


def test_of_many_every_class_and_every_kind_of_mistake():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 10, 5000)
    predicted = np.where(rng.random(5000) < 0.02, rng.integers(0, 10, 5000), true)
    surprise = rng.random(5000) + 5.0 * (predicted != true)
    order = choose_shown(surprise, predicted, true)
    assert len(order) == len(set(order.tolist())) == 200
    assert (np.diff(surprise[order]) <= 0).all()
    right = order[predicted[order] == true[order]]
    assert set(true[right]) == set(range(10))
    wrong = predicted != true
    assert {*zip(true[order], predicted[order], strict=True)} >= {*zip(true[wrong], predicted[wrong], strict=True)}
    assert set(np.argsort(-surprise)[:60]) <= set(order)
    assert surprise[right].min() < 0.1  # those that it is sure of are shown too


def test_without_truth_every_predicted_class_is_there():
    predicted = np.repeat([0, 1, 2], [4000, 10, 1])
    order = choose_shown(np.linspace(1, 0, 4011), predicted, most=20)
    assert len(order) == 20
    assert set(predicted[order]) == {0, 1, 2}


def test_more_classes_than_room():
    labels = np.arange(500)
    assert len(choose_shown(np.zeros(500), labels, labels)) == 200


@pytest.mark.parametrize(("most", "counts"), [(9, [4, 4, 1]), (4, [2, 1, 1]), (100, [40, 5, 1])])
def test_balanced(most, counts):
    labels = np.repeat([3, 5, 9], [40, 5, 1])
    chosen = choose_balanced(labels, most)
    assert [int((labels[chosen] == label).sum()) for label in (3, 5, 9)] == counts
    assert (np.diff(chosen) > 0).all()


def test_spread():
    assert spread_evenly(10, 5).tolist() == [0, 2, 4, 6, 8]
    assert spread_evenly(3, 5).tolist() == [0, 1, 2]
    assert spread_evenly(0, 5).tolist() == spread_evenly(5, 0).tolist() == []
