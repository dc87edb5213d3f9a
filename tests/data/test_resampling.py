"""Resampling: real subsets, no invented points, and the same picks as the definition of FPS."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dataset_layouts import clouds
from pointlora.data import resampling
from pointlora.data.resampling import cycled_permutation, resample_for_evaluation, resample_for_training
from pointlora.ops.sampling import farthest_point_sampling_reference

KEYS = [(0, 0)]


def rows(points: np.ndarray) -> list[tuple[float, ...]]:
    return [tuple(point) for point in points.tolist()]


def test_training_draws_a_subset_of_the_spread_points() -> None:
    cloud = clouds(1, 500)[0]
    drawn = resample_for_training([cloud], KEYS, 64, 75 / 64, seed=0)[0]
    assert drawn.shape == (64, 3)
    assert drawn.dtype == np.float32
    assert len(set(rows(drawn))) == 64
    assert set(rows(drawn)) <= set(rows(cloud))


def test_training_subset_comes_from_farthest_points() -> None:
    # A dense ball and 20 points far out: FPS to 40 must pick all of those, and half of them survive the draw.
    far = 100 * np.eye(3, dtype=np.float32)[np.arange(20) % 3] * np.arange(1, 21, dtype=np.float32)[:, None]
    cloud = np.concatenate([clouds(1, 400)[0], far])
    counts = [
        int((np.abs(resample_for_training([cloud], [(epoch, 0)], 20, 2.0, 0)[0]).max(axis=1) > 50).sum())
        for epoch in range(50)
    ]
    # Hypergeometric: 20 of 40 with 20 marked has mean 10 and standard deviation 1.6; without FPS it were about 1.
    assert abs(np.mean(counts) - 10) < 1.0


@pytest.mark.parametrize(("num_points", "size"), [(1024, 1200), (2048, 2400)])
def test_oversampling_is_that_of_the_recipes(num_points: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def spread(given: list[np.ndarray], count: int) -> list[np.ndarray]:
        sizes.append(count)
        return [cloud[:count] for cloud in given]

    monkeypatch.setattr(resampling, "farthest_points", spread)
    resample_for_training([clouds(1, 3000)[0]], KEYS, num_points, 1.171875, 0)
    assert sizes == [size]


def test_a_cloud_below_the_oversampled_size_is_taken_whole() -> None:
    cloud = clouds(1, 70)[0]  # 64 wanted, FPS to 75
    seen = set()
    for epoch in range(40):
        drawn = resample_for_training([cloud], [(epoch, 0)], 64, 75 / 64, 0)[0]
        assert len(set(rows(drawn))) == 64
        seen |= set(rows(drawn))
    assert seen == set(rows(cloud))
    whole = resample_for_training([cloud], KEYS, 70, 75 / 64, 0)[0]
    assert sorted(rows(whole)) == sorted(rows(cloud))
    assert rows(whole) != rows(cloud)


def test_small_clouds_are_repeated_evenly() -> None:
    cloud = clouds(1, 10)[0]
    for drawn in (resample_for_training([cloud], KEYS, 24, 1.2, 0)[0], resample_for_evaluation([cloud], 24)[0]):
        counts = {row: rows(drawn).count(row) for row in rows(cloud)}
        assert sorted(counts.values()) == [2] * 6 + [3] * 4
    np.testing.assert_array_equal(resample_for_evaluation([cloud], 24)[0], cloud[np.arange(24) % 10])
    np.testing.assert_array_equal(resample_for_evaluation([cloud[:1]], 3)[0], cloud[[0, 0, 0]])


def test_cycled_permutation() -> None:
    drawn = cycled_permutation(np.random.default_rng(0), 5, 13)
    assert sorted(drawn[:5]) == sorted(drawn[5:10]) == [0, 1, 2, 3, 4]
    assert len(set(drawn[10:].tolist())) == 3
    assert drawn[:5].tolist() != drawn[5:10].tolist()


def test_evaluation_is_farthest_point_sampling_from_point_0() -> None:
    given = clouds(3, 100)
    expected = farthest_point_sampling_reference(torch.from_numpy(given), 40).numpy()
    drawn = resample_for_evaluation(list(given), 40)
    np.testing.assert_array_equal(drawn, np.take_along_axis(given, expected[:, :, None], axis=1))
    np.testing.assert_array_equal(resample_for_evaluation(list(given), 100), given)


def test_ragged_batches_give_what_single_clouds_give() -> None:
    given = [clouds(1, size, seed=size)[0] for size in (30, 200, 64, 200, 75, 76, 5)]
    keys = [(2, 10 * number) for number in range(len(given))]
    together = resample_for_training(given, keys, 64, 75 / 64, 9)
    evaluated = resample_for_evaluation(given, 64)
    for number, (cloud, key) in enumerate(zip(given, keys, strict=True)):
        np.testing.assert_array_equal(together[number], resample_for_training([cloud], [key], 64, 75 / 64, 9)[0])
        np.testing.assert_array_equal(evaluated[number], resample_for_evaluation([cloud], 64)[0])


def test_very_large_clouds_are_thinned_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "LARGE_CLOUD", 200)
    cloud = clouds(1, 5000)[0]
    for drawn in (resample_for_training([cloud], KEYS, 64, 1.2, 0)[0], resample_for_evaluation([cloud], 64)[0]):
        assert len(set(rows(drawn))) == 64
        assert set(rows(drawn)) <= set(rows(cloud))
    np.testing.assert_array_equal(resample_for_evaluation([cloud], 64), resample_for_evaluation([cloud], 64))
    # More points wanted than the limit: thinning must not leave too few.
    assert len(set(rows(resample_for_evaluation([cloud], 300)[0]))) == 300
    assert len(set(rows(resample_for_training([cloud], KEYS, 300, 1.2, 0)[0]))) == 300
