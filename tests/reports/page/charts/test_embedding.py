"""The map of the embeddings."""

from __future__ import annotations

import numpy as np

from pointlora.reports.page.charts.embedding import EDGE, SIZE, map_chart
from pointlora.reports.page.content import EmbeddingMap


def test_dots_for_the_right_and_crosses_for_the_wrong() -> None:
    xy = np.array([[-1, -1], [1, 1], [0, 0], [0.5, 0]], dtype=np.float32)
    true, predicted = np.array([0, 0, 8, 1]), np.array([0, 1, 8, 1])
    chart = map_chart(
        EmbeddingMap(xy, true, predicted, np.arange(4), (0.5, 0.25), list("abcd")), [str(n) for n in range(9)]
    )
    # The second axis points up.
    assert chart.places.tolist()[:3] == [[EDGE, SIZE - EDGE], [SIZE - EDGE, EDGE], [SIZE // 2, SIZE // 2]]
    assert [(group.label, group.wrong) for group in chart.groups] == [(0, False), (1, False), (8, False), (0, True)]
    assert not chart.many
    # A cross of two strokes around its place.
    assert chart.groups[-1].path == f"M{SIZE - EDGE - 4} {EDGE - 4}l8 8m0-8l-8 8"
    assert chart.groups[0].path == f"M{EDGE} {SIZE - EDGE}h0"
    # The ninth class has the second's colour, and dots of another shape.
    assert [(group.color, group.shape) for group in chart.groups[1:3]] == [(1, 0), (1, 1)]
    assert chart.summary.endswith("3 classes on two principal components; 1 of them are wrong and drawn as crosses.")


def test_without_true_classes_all_are_dots_of_the_predicted_ones() -> None:
    none = np.array([-1, -1])
    chart = map_chart(
        EmbeddingMap(np.zeros((2, 2), np.float32), none, np.array([1, 0]), none, (0.5, 0.25), ["a", "b"]), ["x", "y"]
    )
    assert [(group.label, group.wrong) for group in chart.groups] == [(0, False), (1, False)]
    assert chart.summary == "2 clouds of 2 classes on two principal components."
