"""Names and scales of features, augmentations that keep them right, and data sets of arrays that have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dataset_layouts import clouds
from pointlora.data import write_shards
from pointlora.data.augmentations import AUGMENTATIONS, apply_augmentations, draw_augmentations
from pointlora.data.datasets import open_dataset
from pointlora.data.feature_names import Triples, channel_names, triples
from pointlora.data.features import FeatureScaling, fit_scaling
from pointlora.data.parts.transforms import PartTransform
from pointlora.data.pending import pending_points
from pointlora.data.ranges import AugmentationRanges
from pointlora.data.transforms import PointTransform, TransformConfig
from pointlora.errors import ConfigError, DataError
from pointlora.recipes.parts import DataConfig
from pointlora.training.data import transform_config

COLORS = ("red", "green", "blue")
BOTH = ("nx", "ny", "nz", *COLORS)
RNG = np.random.default_rng(0)


def test_names_are_the_same_for_all_files() -> None:
    assert channel_names(["rgb", "Normal_X", "NormalY", "nz", "Amplitude"]) == (*COLORS, "nx", "ny", "nz", "Amplitude")
    assert triples((*COLORS, "nx", "ny", "nz")) == Triples((3,), (0,))
    for wrong, match in [
        (["red", "R"], "'red' twice"),
        (["x"], "beside x, y, z"),
        (["nx", "nz"], "part of a normal"),
        ([f"a{number}" for number in range(300)], "at most 256"),
    ]:
        with pytest.raises(ConfigError, match=match):
            channel_names(wrong)


def test_scales(tmp_path: Path) -> None:
    intensity = RNG.normal(1000, 50, (6, 50)).astype(np.float32)
    intensity[0, 0] = 65535
    np.savez(
        tmp_path / "a.npz",
        points=clouds(6, 50),
        labels=np.arange(6) % 2,
        colors=RNG.integers(0, 256, (6, 50, 3), dtype=np.uint8),
        intensity=intensity,
    )
    names = (*COLORS, "intensity")
    dataset = open_dataset("npz", tmp_path / "a.npz", "all", features=names)
    scaling = fit_scaling(names, dataset)
    assert scaling.centers[:3] == scaling.ranges[:3] == (127.5,) * 3
    low, middle, high = np.quantile(intensity, (0.01, 0.5, 0.99))
    np.testing.assert_allclose([scaling.centers[3], scaling.ranges[3]], [middle, (high - low) / 2], rtol=1e-6)
    scaled = scaling.scale(dataset.cloud(0))
    assert scaled[0, 6] == 3.0  # cut off
    assert np.abs(scaled[:, 3:6]).max() <= 1.0
    np.testing.assert_array_equal(scaled[:, :3], dataset.cloud(0)[:, :3])
    assert FeatureScaling.from_dict(scaling.as_dict()) == scaling
    for damage in ({"names": ["red"]}, {"ranges": [0, 1, 1, 1]}, {"centers": [None] * 4}, {"more": 1}):
        with pytest.raises(ConfigError):
            FeatureScaling.from_dict({**scaling.as_dict(), **damage})


def featured(batch: int, count: int) -> np.ndarray:
    points = RNG.normal(size=(batch, count, 3))
    normals = points / np.linalg.norm(points, axis=-1, keepdims=True)
    return np.concatenate([points, normals, RNG.uniform(-1, 1, (batch, count, 3))], -1).astype(np.float32)


def changed(points: np.ndarray, name: str, ranges: AugmentationRanges | None = None) -> np.ndarray:
    generators = [np.random.default_rng(number) for number in range(len(points))]
    drawn = draw_augmentations([name], ranges or AugmentationRanges(), lambda purpose: generators, points.shape[1])
    found = apply_augmentations(points, [name], drawn, triples(BOTH))
    tensors = [torch.from_numpy(value) for value in drawn]
    assert np.array_equal(apply_augmentations(torch.from_numpy(points), [name], tensors, triples(BOTH)), found)
    return np.asarray(found)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentations_move_places_and_leave_features(name: str) -> None:
    points = featured(3, 40)
    before = points.copy()
    found = changed(points, name)
    assert np.array_equal(points, before)  # the clouds themselves are not written into
    if name in ("color_jitter", "feature_drop"):
        assert np.array_equal(found[..., :3], points[..., :3])
        return
    # The same draws without features: the places come out bit for bit.
    assert np.array_equal(found[..., :3], changed(points[..., :3].copy(), name))
    if name.startswith("rotate"):
        places = found[..., :3] / np.linalg.norm(found[..., :3], axis=-1, keepdims=True)
        np.testing.assert_allclose(found[..., 3:6], places, atol=1e-5)  # normals point away from the center, as before
        assert np.abs(found[..., 3:6] - points[..., 3:6]).max() > 0.1
        assert np.array_equal(found[..., 6:], points[..., 6:])
    elif name == "resample":
        assert {row.tobytes() for row in found[0]} <= {row.tobytes() for row in points[0]}
    elif name == "dropout":
        dropped = (found[..., :3] == points[:, :1, :3]).all(-1)
        assert np.array_equal(found[dropped][:, 3:], np.repeat(points[:, :1, 3:], 40, 1)[dropped])
    else:
        assert np.array_equal(found[..., 3:], points[..., 3:])


def test_color_jitter_and_feature_drop() -> None:
    points = featured(200, 4)
    found = changed(points, "color_jitter", AugmentationRanges(color_jitter=0.2))
    assert np.array_equal(found[..., :6], points[..., :6])
    assert 0 < np.abs(found[..., 6:] - points[..., 6:]).max() <= 0.4 + 1e-6
    found = changed(points, "feature_drop", AugmentationRanges(feature_drop_ratio=0.25))
    dropped = ~found[..., 3:].any(axis=(1, 2))
    assert 0.15 < dropped.mean() < 0.35
    assert np.array_equal(found[~dropped], points[~dropped])
    with pytest.raises(ConfigError, match="'color_jitter' changes red, green, blue"):
        transform_config(DataConfig(augmentations=["color_jitter"]), FeatureScaling(("intensity",), (0.0,), (1.0,)))
    with pytest.raises(ConfigError, match="'feature_drop' changes features"):
        transform_config(DataConfig(augmentations=["feature_drop"]))


def transform(**settings: object) -> TransformConfig:
    scaling = FeatureScaling(BOTH, (0.0,) * 3 + (127.5,) * 3, (1.0,) * 3 + (127.5,) * 3)
    names = ("rotate", "scale_translate", "jitter", "dropout", "color_jitter")
    return TransformConfig(num_points=32, augmentations=names, features=scaling, **settings)  # type: ignore[arg-type]


def test_places_come_out_as_without_features_here_and_on_the_device() -> None:
    raw = [np.ascontiguousarray(cloud) for cloud in featured(3, 60)]
    keys = [(1, number) for number in range(3)]
    with_features = PointTransform(transform())
    made = with_features(raw, keys)
    names = ("rotate", "scale_translate", "jitter", "dropout")
    bare = PointTransform(TransformConfig(num_points=32, augmentations=names))([cloud[:, :3] for cloud in raw], keys)
    assert np.array_equal(made[..., :3], bare)
    plan, drawn = with_features.draw(raw, keys)
    later = pending_points(plan, with_features.names, drawn, with_features.where).finish()
    assert np.array_equal(later.numpy(), made)


def test_labels_and_features_go_with_their_points() -> None:
    raw = []
    for cloud in featured(2, 60):
        cloud[:, 6] = np.arange(60) * 2.0  # red
        raw.append((cloud, np.arange(60)))
    made = PartTransform(transform())(raw, [(0, 0), (0, 1)])
    scaled = PartTransform(TransformConfig(num_points=32, features=transform().features), train=False)(
        raw, [(0, 0)] * 2
    )
    np.testing.assert_allclose(scaled.points[..., 6], (scaled.parts * 2.0 - 127.5) / 127.5, atol=1e-6)
    assert made.points.shape == (2, 32, 9)
    asked = PartTransform(transform(), queries=True)(raw, [(0, 0), (0, 1)])
    assert asked.queries is not None
    assert asked.queries.shape == (2, 60, 9)


def test_arrays_have_features(tmp_path: Path) -> None:
    points, labels = clouds(8, 30), np.arange(8) % 2
    colors = RNG.random((8, 30, 3)).astype(np.float32)
    normals = RNG.normal(size=(8, 30, 3)).astype(np.float32)
    further = {"color": colors, "normal": normals, "Intensity": RNG.random((8, 30)), "gps_time": RNG.random((8, 30))}
    np.savez(tmp_path / "a.npz", points=points, labels=labels, **further)
    names = (*COLORS, "nx", "ny", "nz", "intensity")
    dataset = open_dataset("npz", tmp_path / "a.npz", "all", features=names)
    assert dataset.automatic_features() == names
    expected = np.concatenate([points[3], 255 * colors[3], normals[3], further["Intensity"][3][:, None]], -1)
    np.testing.assert_allclose(dataset.cloud(3), expected, rtol=1e-6)
    with pytest.raises(DataError, match=r"a.npz: has no feature 'intensety'.*did you mean 'Intensity'"):
        open_dataset("npz", tmp_path / "a.npz", "all", features=["intensety"])
    rows = [np.concatenate([cloud, 200 * own], -1) for cloud, own in zip(points, colors, strict=True)]
    write_shards(tmp_path / "shards", rows, labels, clouds_per_shard=3, features=COLORS)
    shards = open_dataset("shards", tmp_path / "shards", features=COLORS)
    assert shards.automatic_features() == COLORS
    np.testing.assert_allclose(shards.cloud(4), rows[4], rtol=1e-6)
    assert open_dataset("shards", tmp_path / "shards").cloud(4).shape == (30, 3)


def test_hdf5_has_features(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    normals = RNG.normal(size=(8, 30, 3)).astype(np.float32)
    for split in ("train", "test"):
        with h5py.File(tmp_path / f"ply_data_{split}0.h5", "w") as file:
            file["data"], file["label"], file["normal"] = clouds(8, 30), np.arange(8) % 2, normals
        (tmp_path / f"{split}_files.txt").write_text(f"ply_data_{split}0.h5\n")
    (tmp_path / "shape_names.txt").write_text("gear\nbeam\n")
    for cache in ("off", str(tmp_path / "cache")):
        dataset = open_dataset("modelnet40", tmp_path, cache=cache, features=["normals"])
        assert dataset.automatic_features() == ("nx", "ny", "nz")
        assert np.array_equal(dataset.cloud(2)[:, 3:], normals[2])
    assert open_dataset("modelnet40", tmp_path, cache=str(tmp_path / "cache")).cloud(2).shape == (30, 3)
    with pytest.raises(ConfigError, match="data set 'procedural' has x, y, z alone"):
        open_dataset("procedural", features=["red"])
