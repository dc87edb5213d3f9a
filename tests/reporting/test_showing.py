"""Clouds on the page are those that the model sees; names lose the folders that they lie in."""

import numpy as np
import pytest

from pointlora.data.datasets.files import FilesDataset
from pointlora.data.files import write_ply
from pointlora.data.transforms import PointTransform, TransformConfig
from pointlora.reporting.showing import own_colors, printable, show, shown_name, without_folders


@pytest.mark.parametrize("count", [40, 300])
def test_points_are_what_the_model_sees(count):
    cloud = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32) * (1, 2, 9) + 100
    config = TransformConfig(num_points=128)
    shown, seen = show(cloud, config, 1000)
    assert np.array_equal(seen, PointTransform(config, train=False)([cloud], [(0, 0)]))
    assert len(shown.points) == min(count, 128)
    back = shown.points / 32767 * shown.radius + shown.center
    assert back == pytest.approx(seen[0][: len(shown.points)], abs=shown.radius / 30000)
    assert np.abs(shown.points).max() == 32767
    assert np.array_equal(shown.place(seen[0][:5]), shown.points[:5])
    assert len(show(cloud, config, 30)[0].points) == 30


def test_colors_go_with_their_points(tmp_path):
    cloud = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    colors = np.random.default_rng(1).integers(0, 256, (300, 3), dtype=np.uint8)
    path = write_ply(tmp_path / "a.ply", cloud, colors=colors)
    dataset = FilesDataset("files", "test", ["a"], np.zeros(1, np.int64), [path])
    config = TransformConfig(num_points=64, normalize=False)
    found = own_colors(dataset, 0, config)
    assert np.array_equal(found, colors)
    shown, seen = show(cloud, config, 64, found)
    rows = [int(np.flatnonzero((cloud == point).all(1))[0]) for point in seen[0]]
    assert np.array_equal(shown.colors, colors[rows])


@pytest.mark.parametrize(
    ("source", "root", "name"),
    [
        ("/data/shapes/chair/1.ply", "/data/shapes", "chair/1.ply"),
        ("/data/scans.npz[12]", "/data/scans.npz", "scans.npz[12]"),
        ("shapes/chair/1.ply", None, "shapes/chair/1.ply"),
        ("/data/my shapes/1.ply", None, "1.ply"),
    ],
)
def test_names(source, root, name):
    assert shown_name(source, root) == name


def test_texts_lose_their_folders():
    text = "pointlora train /home/me/a.yaml --data.root '/mnt/x y/z' --output runs/one https://example.org/a/b 1/2"
    found = without_folders(text)
    assert "/home" not in found
    assert "/mnt" not in found
    for kept in ("a.yaml", "runs/one", "1/2"):
        assert kept in found
    assert printable("a\udce4").isascii()
