"""Pictures of clouds: what is in the pixels, not how matplotlib draws it."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from pointlora.errors import ConfigError, ShapeError
from pointlora.reports.clouds import SCALE_COLORS, CloudPanel, draw_clouds, project


def test_projection_is_a_rotation_with_the_up_axis_up() -> None:
    points = np.random.default_rng([1]).normal(size=(50, 3))
    for axis in "xyz":
        view = project(points, axis)
        np.testing.assert_allclose(np.linalg.norm(view, axis=1), np.linalg.norm(points, axis=1))
        up = np.eye(3)["xyz".index(axis)][None]
        right, height, _ = project(up, axis)[0]
        assert right == pytest.approx(0, abs=1e-12)
        assert height > 0.9
    basis = project(np.eye(3))
    assert np.linalg.det(basis) == pytest.approx(1)  # no mirror image


def test_clouds_have_rings_where_tokens_were_selected(tmp_path: Path) -> None:
    points = np.random.default_rng([2]).normal(size=(300, 3)).astype(np.float32)
    plain = CloudPanel(points, "a")
    ringed = CloudPanel(points, "b", True, (points[:5], points[5:7]))
    first = imread(draw_clouds([plain], tmp_path / "1.png"))[..., :3]
    second = imread(draw_clouds([ringed], tmp_path / "2.png", scale_names=["fine", "coarse"]))[..., :3]
    for color in SCALE_COLORS[:2]:
        wanted = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        assert (np.abs(first - wanted).max(axis=2) < 0.02).sum() == 0
        assert (np.abs(second - wanted).max(axis=2) < 0.02).sum() > 20


def test_a_picture_is_the_same_every_time(tmp_path: Path) -> None:
    panels = [CloudPanel(np.eye(3, dtype=np.float32), "x")] * 3
    paths = [draw_clouds(panels, tmp_path / name, columns=2, title="t") for name in ("1.png", "2.png")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["1.png", "2.png"]


def test_wrong_shapes(tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="no cloud to draw"):
        draw_clouds([], tmp_path / "x.png")
    with pytest.raises(ShapeError, match=r"must be \(N, 3\), got \(4, 2\)"):
        draw_clouds([CloudPanel(np.zeros((4, 2), np.float32))], tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def blocked(name: str, *args: Any, **keywords: Any) -> Any:
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **keywords)

    monkeypatch.setattr(builtins, "__import__", blocked)
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigError, match=r"in a clone of the repository, pip install '\.\[viz\]'"):
        draw_clouds([CloudPanel(np.eye(3, dtype=np.float32))], tmp_path / "x.png")
