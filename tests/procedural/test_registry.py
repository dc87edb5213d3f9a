"""Categories: determinism, normalisation, labels, geometry and how hard they are to tell apart."""

from __future__ import annotations

import numpy as np
import pytest

from pointlora.errors import ConfigError
from pointlora.procedural import (
    CATEGORIES,
    OPTIONAL_PARTS,
    PART_NAMES,
    category_index,
    generate_shape,
)


def d2_histogram(points: np.ndarray, bins: int = 40) -> np.ndarray:
    """The D2 descriptor (Osada et al., 2002): a histogram of distances between random pairs."""
    pairs = np.random.default_rng(0).integers(0, len(points), (2, 3000))
    distances = np.linalg.norm(points[pairs[0]] - points[pairs[1]], axis=1)
    return np.histogram(distances, bins=bins, range=(0.0, 2.0))[0] / 3000


def test_there_are_enough_categories_with_distinct_names():
    assert len(CATEGORIES) >= 20
    assert len(set(CATEGORIES)) == len(CATEGORIES)
    for name in CATEGORIES:
        assert len(set(PART_NAMES[name])) == len(PART_NAMES[name])
        assert set(OPTIONAL_PARTS[name]) < set(PART_NAMES[name])


@pytest.mark.parametrize("name", CATEGORIES)
def test_shapes_are_finite_normalised_and_labelled(name):
    seen = set()
    for seed in range(12):
        shape = generate_shape(name, seed, 1024)
        assert shape.points.shape == (1024, 3)
        assert shape.points.dtype == np.float32
        assert np.isfinite(shape.points).all()
        assert np.abs(shape.points.mean(axis=0)).max() < 1e-4
        assert np.linalg.norm(shape.points, axis=1).max() == pytest.approx(1.0, abs=1e-5)
        assert shape.parts.shape == (1024,)
        assert shape.parts.dtype == np.int64
        assert shape.category == CATEGORIES.index(name)
        present = {PART_NAMES[name][part] for part in np.unique(shape.parts)}
        assert present >= set(PART_NAMES[name]) - set(OPTIONAL_PARTS[name])
        seen |= present
    assert seen >= set(PART_NAMES[name]) - set(OPTIONAL_PARTS[name])


@pytest.mark.parametrize("name", [name for name in CATEGORIES if OPTIONAL_PARTS[name]])
def test_optional_parts_are_sometimes_there_and_sometimes_not(name):
    drawn = [set(np.unique(generate_shape(name, seed, 256).parts).tolist()) for seed in range(60)]
    for part in OPTIONAL_PARTS[name]:
        index = PART_NAMES[name].index(part)
        assert 0 < sum(index in parts for parts in drawn) < 60, part


@pytest.mark.parametrize("num_points", [1, 2, 7, 100, 5000])
def test_every_number_of_points_is_exact(num_points):
    for name in CATEGORIES:
        shape = generate_shape(name, 1, num_points)
        assert shape.points.shape == (num_points, 3)
        assert np.isfinite(shape.points).all()


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    for name in CATEGORIES:
        first, again, other = (generate_shape(name, seed, 512) for seed in (7, 7, 8))
        assert first.points.tobytes() == again.points.tobytes()
        assert first.parts.tobytes() == again.parts.tobytes()
        assert first.points.tobytes() != other.points.tobytes()
    index = CATEGORIES.index("mug")
    assert generate_shape(index, 3).points.tobytes() == generate_shape("mug", 3).points.tobytes()


def test_a_recorded_chair_has_not_changed():
    shape = generate_shape("chair", 2024, 2048)
    assert float(np.abs(shape.points.astype(np.float64)).sum()) == pytest.approx(1539.8098, rel=1e-5)
    assert np.bincount(shape.parts, minlength=4).tolist() == [434, 588, 1026, 0]


def test_geometry_does_not_depend_on_the_number_of_points():
    for name in ("chair", "car", "vase"):
        few, many = generate_shape(name, 5, 2048), generate_shape(name, 5, 8192)
        gap = np.linalg.norm(few.points[:200, None] - many.points[None], axis=2).min(axis=1)
        assert gap.max() < 0.12  # the denser cloud covers the same surface
        shares = [np.bincount(s.parts, minlength=4) / len(s.parts) for s in (few, many)]
        assert shares[0] == pytest.approx(shares[1], abs=2e-3)


def test_shapes_stand_upright_on_z():
    heights = {name: [] for name in ("rocket", "bottle", "skateboard", "knife")}
    for name, ratios in heights.items():
        for seed in range(10):
            size = np.ptp(generate_shape(name, seed, 512).points, axis=0)
            ratios.append(size[2] / size[:2].max())
    assert min(heights["rocket"]) > 1.0
    assert min(heights["bottle"]) > 1.0
    assert max(heights["skateboard"]) < 0.3
    assert max(heights["knife"]) < 0.3


def test_classes_are_informative_but_not_trivial():
    train = np.stack([[d2_histogram(generate_shape(c, s, 512).points) for s in range(8)] for c in CATEGORIES])
    test = np.stack([[d2_histogram(generate_shape(c, s, 512).points) for s in range(100, 104)] for c in CATEGORIES])
    flat = train.reshape(-1, train.shape[-1])
    gaps = ((test[:, :, None] - flat) ** 2).sum(axis=-1)
    accuracy = float((gaps.argmin(axis=-1) // 8 == np.arange(len(CATEGORIES))[:, None]).mean())
    assert 8 / len(CATEGORIES) < accuracy < 0.85  # chance is 1 in 38


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("chiar", 0), "unknown procedural category 'chiar': did you mean chair"),
        (("zzzz", 0), "unknown procedural category 'zzzz': choose from chair, stool"),
        (
            (len(CATEGORIES), 0),
            "category is 38, but it must be an integer between 0 and 37",
        ),
        ((-1, 0), "category is -1, but it must be an integer between 0"),
        (("chair", -1), "seed is -1, but it must be an integer of at least 0"),
        (("chair", 1.5), "seed is 1.5, but it must be an integer of at least 0"),
        (("chair", 0, 0), "num_points is 0, but it must be an integer of at least 1"),
        (("chair", 0, "many"), "num_points is 'many', but it must be an integer of at least 1"),
    ],
)
def test_bad_arguments_are_named_in_one_line(arguments, message):
    with pytest.raises(ConfigError) as caught:
        generate_shape(*arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numpy_integers_are_accepted():
    assert category_index(np.int64(3)) == 3
    assert generate_shape(np.int64(3), np.uint32(1), np.int32(16)).points.shape == (16, 3)
