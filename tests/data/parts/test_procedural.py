from itertools import pairwise

import numpy as np
import pytest

from pointlora.data import open_dataset, train_validation_split
from pointlora.data.parts import open_part_dataset
from pointlora.data.parts.base import UNCOUNTED
from pointlora.errors import ConfigError
from pointlora.procedural import CATEGORIES, PART_NAMES, generate_shape


def test_labels_count_the_parts_of_all_categories():
    dataset = open_part_dataset("procedural", num_points=300, train_size=len(CATEGORIES))
    sizes = [len(PART_NAMES[name]) for name in CATEGORIES]
    first = np.cumsum([0, *sizes])
    assert (dataset.space.num_parts, dataset.space.num_categories) == (first[-1], len(CATEGORIES))
    assert dataset.space.parts_of == tuple(tuple(range(*ends)) for ends in pairwise(first))
    for index in (0, 5, len(CATEGORIES) - 1):
        points, parts = dataset.labelled_cloud(index)
        category = CATEGORIES[dataset.labels[index]]
        shape = generate_shape(category, dataset.shape_seed(index), 300)
        assert np.array_equal(points, shape.points)
        assert np.array_equal(parts, first[dataset.labels[index]] + shape.parts)
        name = dataset.space.part_names[parts[0]]
        assert name == f"{category} {PART_NAMES[category][shape.parts[0]]}"


def test_clouds_are_those_of_classification():
    options = {"variant": "scan", "num_points": 200, "train_size": 12}
    parts, classes = open_part_dataset("procedural", **options), open_dataset("procedural", **options)
    assert np.array_equal(parts.cloud(7), classes.cloud(7))
    assert parts.class_names == classes.class_names


def test_clutter_of_scans_is_a_part_of_every_category():
    dataset = open_part_dataset("procedural", variant="scan", num_points=400, train_size=8, categories=CATEGORIES[:3])
    clutter = dataset.space.num_parts - 1
    assert dataset.space.part_names[clutter] == "clutter"
    assert all(parts[-1] == clutter for parts in dataset.space.parts_of)
    seen = [dataset.labelled_cloud(index)[1] for index in range(8)]
    assert any((parts == clutter).any() for parts in seen)
    for index, parts in enumerate(seen):
        assert set(parts.tolist()) <= set(dataset.space.parts_of[dataset.labels[index]])


def test_a_network_of_clean_shapes_is_tested_on_scans_whose_clutter_does_not_count():
    options = {"num_points": 400, "train_size": 6, "test_size": 8, "categories": CATEGORIES[:3]}
    train, test = (
        open_part_dataset("procedural", split=split, test_variant="scan", **options) for split in ("train", "test")
    )
    assert test.space == train.space
    assert "clutter" not in test.space.part_names
    clean = open_part_dataset("procedural", **options)
    assert np.array_equal(train.cloud(3), clean.cloud(3))
    scans = open_part_dataset("procedural", split="test", variant="scan", **options)
    clutter = scans.space.num_parts - 1
    found = 0
    for index in range(8):
        (points, parts), (same, all_parts) = test.labelled_cloud(index), scans.labelled_cloud(index)
        assert np.array_equal(points, same)
        assert np.array_equal(parts, np.where(all_parts == clutter, UNCOUNTED, all_parts))
        found += (parts == UNCOUNTED).sum()
    assert found


def test_an_unknown_variant_of_the_test_split_is_named():
    with pytest.raises(ConfigError, match="'noisy'"):
        open_dataset("procedural", test_variant="noisy")


def test_some_categories_are_numbered_through():
    chosen = CATEGORIES[4:6]
    dataset = open_part_dataset("procedural", train_size=4, num_points=100, categories=chosen)
    assert dataset.space.categories == chosen
    assert [part for parts in dataset.space.parts_of for part in parts] == list(range(dataset.space.num_parts))


@pytest.mark.parametrize("variant", ["clean", "scan"])
def test_views_keep_the_labels(variant):
    dataset = open_part_dataset("procedural", variant=variant, num_points=100, train_size=60)
    train, validation = train_validation_split(dataset, 0.3)
    again = train.subset([3, 1])
    assert train.space == validation.space == again.space
    assert np.array_equal(again.labelled_cloud(1)[1], dataset.labelled_cloud(int(again.indices[1]))[1])
