"""Pictures of parts: what is in the pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from pointlora.errors import ShapeError
from pointlora.reports.parts import MOST_POINTS, PartPanel, draw_parts, thinned

COLORS = np.array([[0, 114, 178], [230, 159, 0], [0, 158, 115]], dtype=np.uint8)


def has(image: np.ndarray, color: np.ndarray) -> np.ndarray:
    """(height, width): pixels of exactly that colour."""
    return np.abs(image - color / 255).max(axis=2) < 0.01


def panel(labels: np.ndarray, **names: str) -> PartPanel:
    points = np.random.default_rng([2]).uniform(-1, 1, (len(labels), 3)).astype(np.float32)
    return PartPanel(points, labels, {int(key[1:]): name for key, name in names.items()}, "a $title$")


def test_points_and_legend_have_the_colors_of_their_parts(tmp_path: Path) -> None:
    labels = np.repeat([0, 2], 400)
    image = imread(draw_parts([panel(labels, p0="seat 50 %", p2="leg 50 %")], tmp_path / "a.png", COLORS))[..., :3]
    legend = image[int(0.91 * len(image)) :]
    for part, wanted in ((0, True), (1, False), (2, True)):
        assert (has(legend, COLORS[part]).sum() > 20) == wanted
    assert has(image[: int(0.85 * len(image))], COLORS[0]).sum() > 20  # the nearest points don't fade


def test_the_up_axis_is_up(tmp_path: Path) -> None:
    points = np.random.default_rng([3]).uniform(-1, 1, (900, 3)).astype(np.float32)
    for axis in range(3):
        labels = (points[:, axis] > 0).astype(np.int64)
        path = draw_parts([PartPanel(points, labels, {})], tmp_path / "a.png", COLORS, up_axis="xyz"[axis])
        image = imread(path)[..., :3]
        redder = image[..., 0] - image[..., 2]
        above, below = (np.nonzero(mask)[0].mean() for mask in (redder > 0.2, redder < -0.2))
        assert above < 0.5 * len(image) < below


def test_a_sheet_is_the_same_every_time_and_long_legends_are_cut(tmp_path: Path) -> None:
    many = {f"p{part}": "part with a very long name indeed" for part in range(40)}
    labels = np.arange(3 * MOST_POINTS) % 3
    panels = [panel(labels, **many), panel(labels[:5], p0="x"), panel(labels[:1])]
    colors = np.tile(COLORS, (14, 1))
    first, second = (draw_parts(panels, tmp_path / name, colors, columns=2, title="t") for name in ("1.png", "2.png"))
    assert first.read_bytes() == second.read_bytes()
    height, width = imread(first).shape[:2]
    assert (width, height) == (600, round(100 * (2 * (3 + 0.12 + 0.21 * 4) + 0.5)))


def test_thinning() -> None:
    assert thinned(5).tolist() == [0, 1, 2, 3, 4]
    shown = thinned(100_000)
    assert len(shown) == MOST_POINTS
    assert (np.diff(shown) > 0).all()
    np.testing.assert_array_equal(shown, thinned(100_000))


def test_wrong_shapes(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="no cloud to draw"):
        draw_parts([], tmp_path / "x.png", COLORS)
    with pytest.raises(ShapeError, match=r"3 labels for points \(4, 3\)"):
        draw_parts([PartPanel(np.zeros((4, 3), np.float32), np.zeros(3, np.int64), {})], tmp_path / "x.png", COLORS)
    assert not list(tmp_path.iterdir())
