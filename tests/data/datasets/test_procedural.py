"""Procedural shapes as a data set: labels, independence of size and order, splits that share nothing."""

from __future__ import annotations

import numpy as np
import pytest

from pointlora.data.datasets.procedural import ProceduralDataset
from pointlora.errors import ConfigError
from pointlora.procedural import CATEGORIES


def test_classes_take_turns() -> None:
    dataset = ProceduralDataset(train_size=2 * len(CATEGORIES) + 3, num_points=64)
    assert dataset.class_names == tuple(CATEGORIES)
    assert dataset.class_counts().tolist() == [3] * 3 + [2] * (len(CATEGORIES) - 3)
    assert dataset.cloud(5).shape == (64, 3)
    assert dataset.cloud(5).dtype == np.float32
    assert dataset.sources[5] == "procedural train[5]"
    assert len(dataset.sources) == len(dataset)


@pytest.mark.parametrize("variant", ["clean", "scan"])
def test_a_shape_depends_on_seed_split_and_index_only(variant: str) -> None:
    small = ProceduralDataset(variant=variant, num_points=64, train_size=8)
    large = ProceduralDataset(variant=variant, num_points=64, train_size=10**6)
    np.testing.assert_array_equal(large.cloud(7), small.cloud(7))
    np.testing.assert_array_equal(small.subset([7]).cloud(0), small.cloud(7))
    assert np.isfinite(small.cloud(7)).all()
    others = [
        ProceduralDataset(variant=variant, num_points=64, seed=1),
        ProceduralDataset(variant=variant, num_points=64, split="test"),
        ProceduralDataset(variant=variant, num_points=64, split="validation"),
    ]
    for other in others:
        assert not np.array_equal(other.cloud(7), small.cloud(7))
    assert large.cloud(999_999).shape == (64, 3)


def test_shape_seeds_are_all_different() -> None:
    seeds = [
        ProceduralDataset(split=split, train_size=500).shape_seed(index)
        for split in ("train", "validation", "test")
        for index in range(250)
    ]
    assert len(set(seeds)) == 750
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_some_categories_only() -> None:
    names = [CATEGORIES[3], CATEGORIES[0]]
    dataset = ProceduralDataset(categories=names, test_size=4, split="test", num_points=32)
    assert dataset.class_names == tuple(names)
    assert dataset.labels.tolist() == [0, 1, 0, 1]


def test_errors() -> None:
    with pytest.raises(ConfigError, match="did you mean 'scan'"):
        ProceduralDataset(variant="scann")
    with pytest.raises(ConfigError, match="unknown split 'all'"):
        ProceduralDataset(split="all")
    with pytest.raises(ConfigError, match=f"did you mean {CATEGORIES[0]!r}"):
        ProceduralDataset(categories=[CATEGORIES[0] + "x"])
    for options in ({"train_size": 0}, {"num_points": 0}, {"categories": []}, {"seed": -1}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            ProceduralDataset(**options)
