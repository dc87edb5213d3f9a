"""What to label next: unsure, far from what is labelled, and no two that nearly coincide."""

import numpy as np

from pointlora.reporting.suggesting import choose_greedily


def on_circle(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def test_near_duplicates_are_not_listed_together():
    labelled = on_circle(0, 180)
    unsure = np.array([1.0, 1.0, 0.9, 0.0])
    order, distances = choose_greedily(unsure, on_circle(90, 91, -90, 5), labelled)
    assert order[:2] == [0, 2] or order[:2] == [1, 2]
    assert set(order) == {0, 1, 2, 3}
    assert distances[0] > 0.9
    assert distances[order.index(1 if order[0] == 0 else 0)] < 0.001


def test_what_is_labelled_already_comes_last():
    order, _ = choose_greedily(np.ones(3), on_circle(0, 120, 240), on_circle(0.1, 190))
    assert order[-1] == 0


def test_without_labelled_clouds_the_most_uncertain_comes_first():
    order, distances = choose_greedily(np.array([0.2, 0.9]), on_circle(0, 90), np.zeros((0, 2), dtype=np.float32))
    assert order == [1, 0]
    assert distances[0] == 1
