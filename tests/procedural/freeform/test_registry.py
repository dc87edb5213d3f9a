"""Freeform kinds: finite and normalised for many seeds, determinism, geometry, diversity, poses, errors."""

from __future__ import annotations

import numpy as np
import pytest

from pointlora.errors import ConfigError
from pointlora.procedural import CATEGORIES
from pointlora.procedural.freeform import KINDS, generate_freeform, kind_index


def moments(points: np.ndarray) -> np.ndarray:
    """Spreads along the principal axes, mean and deviation of the distance to the centre, and D2's first bins."""
    points = points.astype(np.float64)
    spreads = np.sqrt(np.linalg.eigvalsh(np.cov(points.T)))
    radius = np.linalg.norm(points, axis=1)
    pairs = np.random.default_rng(0).integers(0, len(points), (2, 2000))
    distances = np.linalg.norm(points[pairs[0]] - points[pairs[1]], axis=1)
    near = np.histogram(distances, bins=12, range=(0.0, 1.8))[0] / 2000
    return np.concatenate([2.0 * spreads, [radius.mean(), radius.std()], 3.0 * near])


def test_kinds_are_many_and_named_apart_from_the_categories():
    assert len(KINDS) >= 40
    assert len(set(KINDS)) == len(KINDS)
    assert not set(KINDS) & set(CATEGORIES)
    assert all(name.isidentifier() for name in KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_shapes_are_finite_and_normalised(name):
    for seed in range(12):
        points = generate_freeform(name, seed, 512)
        assert points.shape == (512, 3)
        assert points.dtype == np.float32
        assert np.isfinite(points).all()
        assert np.abs(points.mean(axis=0)).max() < 1e-4
        assert np.linalg.norm(points, axis=1).max() == pytest.approx(1.0, abs=1e-5)
        assert np.linalg.eigvalsh(np.cov(points.T))[1] > 1e-5  # never a line


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_thousand_shapes_are_finite_and_normalised(name):
    for seed in range(100, 1100):
        points = generate_freeform(name, seed, 256)
        assert np.isfinite(points).all()
        assert np.linalg.norm(points, axis=1).max() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("num_points", [1, 2, 7, 3000])
def test_every_number_of_points_is_exact(num_points):
    for name in KINDS:
        points = generate_freeform(name, 1, num_points)
        assert points.shape == (num_points, 3)
        assert np.isfinite(points).all()


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    for number, name in enumerate(KINDS):
        first, again, other = (generate_freeform(name, seed, 64) for seed in (7, 7, 8))
        assert first.tobytes() == again.tobytes() == generate_freeform(number, 7, 64).tobytes()
        assert first.tobytes() != other.tobytes()


def test_a_recorded_shape_has_not_changed():
    points = generate_freeform("bracket", 2026, 1024).astype(np.float64)
    assert float(np.abs(points).sum()) == pytest.approx(1006.74187, rel=1e-5)


def test_geometry_does_not_depend_on_the_number_of_points():
    for name in ("bored", "coil", "deformed_kind"):
        few, many = generate_freeform(name, 5, 1024), generate_freeform(name, 5, 6000)
        gap = np.linalg.norm(few[:200, None] - many[None], axis=2).min(axis=1)
        assert gap.max() < 0.12  # the denser cloud covers the same surface


def test_points_come_in_random_order():
    for name in ("frame", "stack", "scene"):
        points = generate_freeform(name, 4, 2000)
        assert points[:500].mean(axis=0) == pytest.approx(points[1500:].mean(axis=0), abs=0.12)


def test_kinds_are_told_apart_better_than_by_chance_and_vary_within():
    train = np.stack([[moments(generate_freeform(k, s, 300)) for s in range(6)] for k in KINDS])
    test = np.stack([[moments(generate_freeform(k, s, 300)) for s in range(50, 52)] for k in KINDS])
    gaps = ((test[:, :, None] - train.reshape(-1, train.shape[-1])) ** 2).sum(axis=-1)
    accuracy = float((gaps.argmin(axis=-1) // 6 == np.arange(len(KINDS))[:, None]).mean())
    assert 5.0 / len(KINDS) < accuracy < 0.6  # chance is 1 in 47
    assert train.std(axis=1).mean(axis=1).min() > 0.02  # each kind varies


def test_most_shapes_stand_as_built_and_some_lie_on_another_face():
    upright = []
    for seed in range(60):
        size = np.ptp(generate_freeform("container", seed, 400), axis=0)
        upright.append(size[2] < 1.05 * size[:2].max())
    assert 0.5 < np.mean(upright) < 0.98


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("brackets", 0), "unknown freeform kind 'brackets': did you mean bracket"),
        (("zzzz", 0), "unknown freeform kind 'zzzz': choose from stack, tower"),
        ((len(KINDS), 0), f"kind is {len(KINDS)}, but it must be an integer between 0 and {len(KINDS) - 1}"),
        (("stack", -1), "seed is -1, but it must be an integer of at least 0"),
        (("stack", 0, 0), "num_points is 0, but it must be an integer of at least 1"),
    ],
)
def test_bad_arguments_are_named_in_one_line(arguments, message):
    with pytest.raises(ConfigError) as caught:
        generate_freeform(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numpy_integers_are_accepted():
    assert kind_index(np.int64(3)) == 3
    assert generate_freeform(np.int64(3), np.uint32(1), np.int32(16)).shape == (16, 3)
