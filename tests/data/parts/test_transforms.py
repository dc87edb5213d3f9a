"""Labels go with their points through everything; every point of a cloud is labelled once."""

import numpy as np
import pytest

from pointlora.data.parts.base import UNCOUNTED
from pointlora.data.parts.transforms import PartTransform, padded
from pointlora.data.transforms import TransformConfig, normalize_unit_sphere

KEYS = [(3, 0), (3, 1)]


def numbered_clouds(*sizes):
    """Clouds whose label is the point's number, so that every point can be found again."""
    generator = np.random.default_rng(0)
    return [(generator.normal(size=(size, 3)).astype(np.float32), np.arange(size)) for size in sizes]


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("sizes", [(100, 70), (20, 9), (32, 32)])
def test_labels_go_with_their_points(train, sizes):
    clouds = numbered_clouds(*sizes)
    transform = PartTransform(TransformConfig(32, normalize=False, augmentations=()), train=train, seed=1)
    made = transform(clouds, KEYS)
    assert made.points.shape == (2, 32, 3)
    assert made.parts.shape == (2, 32)
    assert made.queries is None
    for (cloud, _), points, parts in zip(clouds, made.points, made.parts, strict=True):
        assert np.array_equal(points, cloud[parts])
        assert len(set(parts.tolist())) == min(32, len(cloud))


def test_augmentations_leave_labels_and_dropped_points_take_that_of_the_first():
    clouds = numbered_clouds(60, 50)
    config = TransformConfig(32, normalize=False, augmentations=("uniform_scale", "dropout"), dropout_ratio=0.9)
    made = PartTransform(config, seed=1)(clouds, KEYS)
    for (cloud, _), points, parts in zip(clouds, made.points, made.parts, strict=True):
        factor = points[0] / cloud[parts[0]]
        np.testing.assert_allclose(points, cloud[parts] * factor, rtol=1e-5)
        assert len(set(parts.tolist())) < 32


def test_all_points_are_asked_for_once_and_in_order():
    clouds = numbered_clouds(100, 7)
    made = PartTransform(TransformConfig(32), train=False, queries=True)(clouds, KEYS)
    assert made.points.shape == (2, 32, 3)
    assert made.queries.shape == (2, 100, 3)
    for (cloud, labels), queries, parts in zip(clouds, made.queries, made.parts, strict=True):
        assert np.array_equal(queries[: len(cloud)], normalize_unit_sphere(cloud))
        assert np.array_equal(parts[: len(cloud)], labels)
        assert (parts[len(cloud) :] == UNCOUNTED).all()
        assert (queries[len(cloud) :] == queries[0]).all()
    seen = {tuple(point) for point in made.points[0].tolist()}
    assert seen <= {tuple(point) for point in made.queries[0].tolist()}


def test_votes_move_the_points_asked_for_as_those_that_are_seen():
    clouds = numbered_clouds(60, 50)
    names = ("rotate", "scale_translate", "jitter", "dropout")
    config = TransformConfig(32, augmentations=names, jitter_sigma=0.0, dropout_ratio=0.5)
    made = PartTransform(config, train=True, seed=2, queries=True)(clouds, KEYS)
    for points, queries, parts in zip(made.points, made.queries, made.parts, strict=True):
        distances = np.abs(points[:, None] - queries[None, parts >= 0]).max(-1).min(1)
        assert distances.max() < 1e-6
    plain = PartTransform(config, train=False, queries=True)(clouds, KEYS)
    assert np.abs(plain.queries - made.queries).max() > 0.1


def test_a_sample_is_a_function_of_seed_epoch_and_index():
    clouds = numbered_clouds(60, 50)
    transform = PartTransform(TransformConfig(32, augmentations=("scale_translate", "dropout")), seed=4)
    both, alone = transform(clouds, KEYS), transform(clouds[1:], KEYS[1:])
    assert np.array_equal(both.points[1:], alone.points)
    assert np.array_equal(both.parts[1:], alone.parts)
    assert not np.array_equal(transform(clouds, [(4, 0), (4, 1)]).points, both.points)


def test_padding():
    points, parts = padded(
        [np.ones((2, 3), np.float32), np.zeros((1, 3), np.float32)], [np.array([4, 5]), np.array([6])]
    )
    assert parts.tolist() == [[4, 5], [6, UNCOUNTED]]
    assert points.dtype == np.float32
