"""The picture of costs and accuracies."""

import numpy as np
import pytest
from matplotlib.image import imread

from pointlora.errors import ShapeError
from pointlora.reports import scatter
from pointlora.reports.scatter import Box, LabelledPoint, draw_tradeoff, place_labels, short_count


def dots(path):
    """Columns and rows of the points' colour, #1864ab."""
    image = imread(path)[..., :3]
    rows, columns = np.nonzero(np.abs(image - np.array([0x18, 0x64, 0xAB]) / 255).max(axis=2) < 0.02)
    return columns, rows


def test_more_parameters_stand_to_the_right_and_more_accuracy_above(tmp_path):
    points = [LabelledPoint("a", 1e5, 50.0, 1.0), LabelledPoint("b", 1e7, 70.0, 2.0)]
    columns, rows = dots(draw_tradeoff(points, tmp_path / "new" / "a.png", "t"))
    left = columns < columns.mean()
    assert left.any()
    assert rows[left].min() > rows[~left].max() + 100
    again = draw_tradeoff(points, tmp_path / "b.png", "t")
    assert again.read_bytes() == (tmp_path / "new" / "a.png").read_bytes()


def test_the_axis_is_logarithmic(tmp_path):
    path = draw_tradeoff([LabelledPoint(str(x), x, 50.0) for x in (1e4, 1e5, 1e6)], tmp_path / "a.png")
    columns, _ = dots(path)
    first, second, third = (
        columns[abs(columns - at) < 15].mean() for at in (columns.min(), np.median(columns), columns.max())
    )
    assert second - first == pytest.approx(third - second, abs=2)


def test_the_axis_says_what_it_shows(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(scatter, "save_png", lambda figure, path: drawn.append(figure))
    draw_tradeoff([LabelledPoint("a", 1e5, 50.0)], tmp_path / "a.png", "t", "instance mIoU")
    draw_tradeoff([LabelledPoint("a", 1e5, 50.0)], tmp_path / "a.png")
    names = [figure.axes[0].get_ylabel() for figure in drawn]
    assert names == ["instance mIoU on the test set, %", "accuracy on the test set, %"]


def test_labels_of_equal_points_stand_apart_and_inside():
    places = [(0.9, 0.5), (0.9, 0.5), (0.2, 0.99)]
    marks = [Box(x - 0.01, y - 0.02, x + 0.01, y + 0.02) for x, y in places]
    boxes = place_labels(places, ["full fine-tuning", "scratch", "low"], marks)
    for number, box in enumerate(boxes):
        assert all(box.overlap(other) == 0 for other in (*boxes[:number], *marks))
        assert 0 <= box.left <= box.right <= 1
        assert 0 <= box.bottom <= box.top <= 1


def test_numbers_and_what_cannot_be_drawn(tmp_path):
    assert [short_count(value) for value in (5, 2e5, 1.5e6, 2e9)] == ["5", "200 k", "1.5 M", "2 G"]
    for points in ([], [LabelledPoint("a", 0, 1.0)]):
        with pytest.raises(ShapeError, match="at least one"):
            draw_tradeoff(points, tmp_path / "x.png")
