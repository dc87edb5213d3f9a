"""Stratified splits: exact counts, determinism, and what is impossible."""

from __future__ import annotations

import numpy as np
import pytest

from dataset_layouts import MemoryDataset, clouds, one_line
from pointlora.data.datasets.splits import (
    apportion,
    hashed_choice,
    keep_label_fraction,
    keep_labels_per_class,
    stratified_choice,
    train_validation_split,
)
from pointlora.errors import ConfigError, DataError


def labelled(counts: list[int]) -> MemoryDataset:
    labels = np.repeat(np.arange(len(counts)), counts)
    return MemoryDataset(clouds(len(labels), 4), labels[np.random.default_rng(0).permutation(len(labels))], len(counts))


@pytest.mark.parametrize(
    ("counts", "fraction", "options", "expected"),
    [
        ([100, 50, 10], 0.1, {}, [10, 5, 1]),
        ([14, 14, 14], 0.1, {}, [2, 1, 1]),  # 4.2 in all: floors give 3, the first of equals gets the fourth
        ([16, 13, 11], 0.1, {}, [2, 1, 1]),  # largest remainder: 1.6
        ([30], 0.1, {}, [3]),  # 0.1 * 30 is 3.0000000000000004
        ([100], 0.29, {}, [29]),  # 0.29 * 100 is 28.999999999999996
        ([1, 1, 40], 0.1, {"minimum": 1}, [1, 1, 4]),
        ([1, 1, 8], 0.9, {"leave": 1}, [0, 0, 7]),
        ([1, 1, 1, 5], 0.2, {"leave": 1}, [0, 0, 0, 2]),
        ([0, 10], 0.5, {"minimum": 1}, [0, 5]),
        ([5, 5], 1.0, {}, [5, 5]),
        ([5, 5], 0.0, {}, [0, 0]),
    ],
)
def test_apportion(counts: list[int], fraction: float, options: dict, expected: list[int]) -> None:
    assert apportion(counts, fraction, **options).tolist() == expected


def test_apportion_is_within_one_of_the_share_and_right_in_total() -> None:
    generator = np.random.default_rng(1)
    for _ in range(200):
        counts = generator.integers(0, 60, size=generator.integers(1, 12))
        fraction = float(generator.uniform())
        taken = apportion(counts.tolist(), fraction)
        assert (np.abs(taken - counts * fraction) < 1.0 + 1e-9).all()
        assert abs(int(taken.sum()) - counts.sum() * fraction) <= 0.5 + 1e-6


def test_train_validation_split_is_a_stratified_partition() -> None:
    dataset = labelled([100, 50, 10, 1])
    train, validation = train_validation_split(dataset, 0.1, seed=3)
    assert train.class_counts().tolist() == [90, 45, 9, 1]
    assert validation.class_counts().tolist() == [10, 5, 1, 0]
    assert (train.split, validation.split) == ("train", "validation")
    sources = list(train.sources) + list(validation.sources)
    assert sorted(sources) == sorted(dataset.sources)
    first = validation.sources[0]
    np.testing.assert_array_equal(validation.cloud(0), dataset.cloud(list(dataset.sources).index(first)))


def test_split_depends_on_the_seed_only() -> None:
    dataset = labelled([40, 40])
    choices = [list(train_validation_split(dataset, 0.25, seed)[1].sources) for seed in (0, 0, 1)]
    assert choices[0] == choices[1]
    assert choices[0] != choices[2]
    assert len(choices[0]) == 20


def test_every_class_stays_in_training() -> None:
    train, validation = train_validation_split(labelled([1, 2, 3]), 0.9)
    assert (train.class_counts() >= 1).all()
    assert validation.class_counts().tolist() == [0, 1, 2]


def test_unlabelled_split() -> None:
    dataset = MemoryDataset(clouds(20, 4), [-1] * 20)
    train, validation = train_validation_split(dataset, 0.1)
    assert (len(train), len(validation)) == (18, 2)
    assert not train.labelled


def test_impossible_splits() -> None:
    with pytest.raises(DataError) as error:
        train_validation_split(labelled([1, 1, 1]), 0.5)
    one_line(error.value, "memory", "no cloud can be spared", "3 clouds")
    for fraction in (0.0, 1.0, -0.1, float("nan")):
        with pytest.raises(ConfigError, match=f"fraction is {fraction}, but it must be a number above 0 and below 1"):
            train_validation_split(labelled([5]), fraction)


def test_label_fraction() -> None:
    dataset = labelled([100, 30, 3])
    assert keep_label_fraction(dataset, 0.1).class_counts().tolist() == [10, 3, 1]
    assert keep_label_fraction(dataset, 0.001).class_counts().tolist() == [1, 1, 1]
    assert keep_label_fraction(dataset, 1.0) is dataset
    for fraction in (0.0, 1.5):
        with pytest.raises(ConfigError, match="label_fraction"):
            keep_label_fraction(dataset, fraction)
    with pytest.raises(DataError, match="needs labels"):
        keep_label_fraction(MemoryDataset(clouds(4, 4), [-1] * 4), 0.5)


def test_labels_per_class() -> None:
    dataset = labelled([9, 5, 1])
    kept = {count: keep_labels_per_class(dataset, count) for count in (1, 2, 5, 100)}
    assert [found.class_counts().tolist() for found in kept.values()] == [[1, 1, 1], [2, 2, 1], [5, 5, 1], [9, 5, 1]]
    order = {source: number for number, source in enumerate(dataset.sources)}
    for count, found in kept.items():
        places = [order[source] for source in found.sources]
        assert places == sorted(places)
        assert set(found.sources) <= set(kept[100].sources)
        assert list(keep_labels_per_class(dataset, count).sources) == list(found.sources)
    assert set(kept[1].sources) < set(kept[2].sources) < set(kept[5].sources)
    # Other classes decide nothing: the labels are the class's own.
    alone = keep_labels_per_class(dataset.subset(np.flatnonzero(dataset.labels == 0)), 2)
    assert list(alone.sources) == [kept[2].sources[i] for i in np.flatnonzero(kept[2].labels == 0)]
    assert list(keep_labels_per_class(dataset, 2, seed=1).sources) != list(kept[2].sources)
    with pytest.raises(ConfigError, match="labels_per_class is 0"):
        keep_labels_per_class(dataset, 0)
    with pytest.raises(DataError, match="needs labels"):
        keep_labels_per_class(MemoryDataset(clouds(4, 4), [-1] * 4), 1)


def test_choice_within_a_class_doesnt_depend_on_other_classes() -> None:
    alone = stratified_choice(np.full(30, 2), 0.2, 0, "test")
    beside = stratified_choice(np.concatenate([np.full(30, 2), np.full(10, 5)]), 0.2, 0, "test")
    np.testing.assert_array_equal(alone, beside[:30])


def test_hashed_choice_follows_names_not_order() -> None:
    names = [f"part_{number}.ply" for number in range(50)]
    chosen = {name for name, test in zip(names, hashed_choice(names, 0.2, 0), strict=True) if test}
    reverse = {name for name, test in zip(names[::-1], hashed_choice(names[::-1], 0.2, 0), strict=True) if test}
    assert chosen == reverse
    assert len(chosen) == 10
    assert chosen != {name for name, test in zip(names, hashed_choice(names, 0.2, 1), strict=True) if test}
    assert hashed_choice(["only.ply"], 0.9, 0).tolist() == [False]
    # Frozen: a change here would move users' files between training and test.
    assert np.flatnonzero(hashed_choice(names[:10], 0.3, 0)).tolist() == [3, 4, 7]


def test_subset_views() -> None:
    dataset = labelled([6, 4])
    view = dataset.subset([3, 1, 7]).subset([2, 0])
    np.testing.assert_array_equal(view.cloud(0), dataset.cloud(7))
    np.testing.assert_array_equal(view.cloud(1), dataset.cloud(3))
    assert view.labels.tolist() == dataset.labels[[7, 3]].tolist()
    assert list(view.sources) == ["memory[7]", "memory[3]"]
    assert view.parent is dataset  # type: ignore[attr-defined]
    with pytest.raises(DataError, match=r"index 10 is outside the 10 clouds"):
        dataset.subset([0, 10])
    with pytest.raises(DataError, match="index -1"):
        dataset.subset([-1])
