"""How dense clouds are, warnings about others, and the augmentation that makes them sparser."""

from __future__ import annotations

import numpy as np
import pytest

from pointlora.data.augmentations import apply_augmentations, draw_augmentations
from pointlora.data.datasets import open_dataset
from pointlora.data.density import density_warning, spacing_and_extent, usual_density
from pointlora.data.ranges import AugmentationRanges


def grid(count: int, size: float = 1.0) -> np.ndarray:
    axis = np.linspace(0, size, count)
    return np.stack(np.meshgrid(axis, axis, [0.0]), -1).reshape(-1, 3).astype(np.float32)


def test_spacing_is_a_share_of_the_radius() -> None:
    spacing, extent = spacing_and_extent(grid(11, 5.0))
    np.testing.assert_allclose([spacing, extent], [0.5 / (2.5 * 2**0.5), 2.5 * 2**0.5], rtol=1e-5)
    # Of a large cloud a part is searched, and the figure is that of the whole.
    rng = np.random.default_rng(0)
    large = np.concatenate([rng.random((100_000, 2)), np.zeros((100_000, 1))], 1).astype(np.float32)
    small = large[:10_000]
    assert spacing_and_extent(large)[0] == pytest.approx(spacing_and_extent(small)[0] / 10**0.5, rel=0.15)
    assert spacing_and_extent(grid(1)) == (0.0, 1.0)


@pytest.mark.parametrize("size", [2, 3, 100, 1025])
def test_spacing_is_the_median_of_the_nearest_distances(size: int) -> None:
    points = np.random.default_rng(size).normal(size=(size, 3)).astype(np.float32)
    centered = points - points.mean(0)
    scaled = centered / np.linalg.norm(centered, axis=1).max()
    asked = scaled[:: -(-size // 256)]
    nearest = np.sort(np.linalg.norm(asked[:, None] - scaled, axis=-1), axis=1)[:, 1]
    expected = np.sort(nearest)[(len(asked) - 1) // 2]
    assert spacing_and_extent(points)[0] == pytest.approx(float(expected), rel=1e-4)


def test_warnings() -> None:
    dataset = open_dataset("procedural", categories=["mug"], train_size=8, num_points=512)
    usual = usual_density(dataset)
    cloud = dataset.cloud(5)
    assert density_warning(cloud, usual) is None
    sparse = cloud[:: 512 // 40]
    found = density_warning(sparse, usual)
    assert found is not None
    assert "apart, in training" in found
    assert density_warning(sparse, usual_density(dataset, thinnest=0.05)) is None
    found = density_warning(1000 * cloud, usual)
    assert found is not None
    assert "in training" in found
    assert "another unit" in found


def test_resample_keeps_some_points_of_all_counts() -> None:
    points = np.random.default_rng(0).normal(size=(300, 64, 3)).astype(np.float32)
    generators = [np.random.default_rng(number) for number in range(300)]
    ranges = AugmentationRanges(resample_low=0.125, resample_slope=0.0)
    drawn = draw_augmentations(["resample"], ranges, lambda purpose: generators, 64)
    found = apply_augmentations(points, ["resample"], drawn)
    counts = np.array([len(np.unique(cloud, axis=0)) for cloud in found])
    assert counts.min() == 8
    assert counts.max() == 64
    assert 0.4 < (counts < 64 * 0.125**0.5).mean() < 0.6  # evenly spread by the logarithm
    for cloud, own, count in zip(found, points, counts, strict=True):
        assert {row.tobytes() for row in cloud} <= {row.tobytes() for row in own}
        repeats = np.unique(cloud, axis=0, return_counts=True)[1]
        assert repeats.max() - repeats.min() <= 1
        assert len(repeats) == count


def test_resample_makes_one_end_thinner() -> None:
    points = np.random.default_rng(0).normal(size=(300, 64, 3)).astype(np.float32)

    def imbalance(slope: float) -> float:
        generators = [np.random.default_rng(number) for number in range(300)]
        ranges = AugmentationRanges(resample_low=0.125, resample_slope=slope)
        drawn = draw_augmentations(["resample"], ranges, lambda purpose: generators, 64)
        found = apply_augmentations(points, ["resample"], drawn)
        return float(np.linalg.norm(found.mean(1) - points.mean(1), axis=-1).mean())

    assert imbalance(3.0) > 2 * imbalance(0.0)
