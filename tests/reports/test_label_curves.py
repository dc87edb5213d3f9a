"""The picture of learning curves."""

import numpy as np
import pytest
from matplotlib.image import imread

from pointlora.errors import ShapeError
from pointlora.reports.label_curves import COLORS, LabelCurve, draw_label_curves

PLACES = {1: 1.0, 10: 10.0, "all": 100.0}


def curve(label, y, error=(0.0, 0.0, 0.0)):
    return LabelCurve(label, [1.0, 10.0, 100.0], y, error)


def pixels(path, color):
    """Columns and rows of a curve's colour."""
    image = imread(path)[..., :3]
    wanted = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    rows, columns = np.nonzero(np.abs(image - wanted).max(axis=2) < 0.02)
    return columns, rows


def test_higher_curves_stand_above_and_names_beside_them(tmp_path):
    curves = [curve("low", [30, 40, 50]), curve("high", [60, 70, 90])]
    path = draw_label_curves(curves, PLACES, tmp_path / "new" / "a.png", "t")
    (low_x, low_y), (high_x, high_y) = (pixels(path, color) for color in COLORS[:2])
    width = imread(path).shape[1]
    drawn = low_x < 0.75 * width
    assert low_y[drawn].mean() > high_y[high_x < 0.75 * width].mean() + 50
    # In the legend, right of all that is drawn, the higher end comes first.
    beside = low_x > 0.8 * width
    assert beside.any()
    assert low_y[beside].mean() > high_y[high_x > 0.8 * width].mean()
    assert low_x[drawn].max() < low_x[beside].min() - 20
    again = draw_label_curves(curves, PLACES, tmp_path / "b.png", "t")
    assert again.read_bytes() == path.read_bytes()


def test_a_curve_beneath_a_like_one_is_seen(tmp_path):
    first, second = curve("first", [30, 40, 50]), curve("second", [30.1, 39.9, 50])
    alone = pixels(draw_label_curves([first], PLACES, tmp_path / "alone.png"), COLORS[0])
    both = draw_label_curves([first, second], PLACES, tmp_path / "both.png")
    width = imread(both).shape[1]
    drawn = [pixels(both, color)[0] < 0.7 * width for color in COLORS[:2]]
    # The one above hides a line of the usual width; wider than that, its edges are left.
    assert min(shown.sum() for shown in drawn) > 0.5 * (alone[0] < 0.7 * width).sum()


def test_the_axis_is_logarithmic(tmp_path):
    columns, rows = pixels(draw_label_curves([curve("a", [50, 60, 70])], PLACES, tmp_path / "a.png"), COLORS[0])
    inside = columns < 0.8 * columns.max()
    # Equal steps on both axes: a straight line.
    assert abs(np.corrcoef(columns[inside], rows[inside])[0, 1]) > 0.999


def test_bands_are_as_high_as_the_errors(tmp_path):
    ends = [curve("low", [10, 10, 10]), curve("high", [90, 90, 90])]
    shade = np.array([int(COLORS[2][at : at + 2], 16) for at in (1, 3, 5)]) / 255
    heights = []
    for error in (5.0, 20.0):
        path = draw_label_curves([*ends, curve("a", [50, 50, 50], [error] * 3)], PLACES, tmp_path / "a.png")
        (_, low), (_, high) = (np.unique(pixels(path, color), axis=1) for color in COLORS[:2])
        column = imread(path)[:, 200, :3]
        band = np.abs(column - (1 - 0.13 * (1 - shade))).max(axis=1) < 0.01
        heights.append(band.sum() / abs(np.median(low) - np.median(high)) * 80)
    assert heights == pytest.approx([10, 40], abs=1.5)  # points of the axis, the line itself left out


def test_what_cannot_be_drawn(tmp_path):
    with pytest.raises(ShapeError, match="two numbers of labels"):
        draw_label_curves([curve("a", [50, 50, 50])], {1: 1.0, "all": 1.0}, tmp_path / "x.png")
    with pytest.raises(ShapeError, match="a method"):
        draw_label_curves([], PLACES, tmp_path / "x.png")
