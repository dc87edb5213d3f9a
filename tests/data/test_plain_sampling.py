"""Farthest point sampling without torch: the picks of the operator, index for index."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pointlora.data.plain_sampling import farthest_picks, farthest_points
from pointlora.data.resampling import farthest_points as with_torch
from pointlora.data.transforms import PointTransform, TransformConfig
from pointlora.ops.sampling import farthest_point_sampling, farthest_point_sampling_reference

# Of a grid, many distances are equal; far from the origin, many are rounded to equal ones.
CLOUDS = {
    "random": np.random.default_rng(0).normal(size=(700, 3)),
    "grid": np.stack(np.meshgrid(*[np.arange(8)] * 3), -1).reshape(-1, 3),
    "far": np.random.default_rng(1).normal(size=(400, 3)) + 1e5,
    "doubles": np.repeat(np.random.default_rng(2).normal(size=(40, 3)), 8, axis=0),
    "huge": np.random.default_rng(3).normal(size=(300, 3)) * 1e30,
    "one place": np.ones((100, 3)),
}


@pytest.mark.parametrize("name", CLOUDS)
def test_picks_are_those_of_the_definition(name: str) -> None:
    points = CLOUDS[name].astype(np.float32)
    found = farthest_picks(points, 64)
    reference = farthest_point_sampling_reference(torch.from_numpy(points)[None], 64)[0].numpy()
    operator = farthest_point_sampling(torch.from_numpy(points)[None], 64)[0].numpy()
    np.testing.assert_array_equal(found, reference)
    np.testing.assert_array_equal(found, operator)


def test_small_clouds_stay_as_they_are() -> None:
    clouds = [np.random.default_rng(size).normal(size=(size, 5)).astype(np.float32) for size in (1, 63, 64, 65, 900)]
    for own, other, cloud in zip(farthest_points(clouds, 64), with_torch(clouds, 64), clouds, strict=True):
        np.testing.assert_array_equal(own, other)
        assert len(own) == min(len(cloud), 64)


def test_a_transform_prepares_clouds_in_the_same_way() -> None:
    clouds = [np.random.default_rng(size).normal(size=(size, 3)).astype(np.float32) for size in (20, 300, 70_000)]
    keys = [(0, index) for index in range(3)]
    config = TransformConfig(num_points=48)
    expected = PointTransform(config, train=False)(clouds, keys)
    found = PointTransform(config, train=False, farthest=farthest_points)(clouds, keys)
    np.testing.assert_array_equal(found, expected)
