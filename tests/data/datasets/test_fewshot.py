"""Few-shot folds that are drawn: balanced, disjoint, and functions of their number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset_layouts import clouds, one_line
from pointlora.data import PointCloudDataset, open_dataset, train_validation_split
from pointlora.errors import ConfigError, DataError

CLASSES = [f"kind {number}" for number in range(9)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine classes: 12 training clouds and 6 test clouds each, but kind 3 has 3 of each and kind 7 one test cloud.

    The first coordinate of a cloud is its number.
    """
    train, test = [12] * 9, [6] * 9
    train[3], test[3], test[7] = 3, 3, 1
    labels = np.concatenate([np.repeat(np.arange(9), counts) for counts in (train, test)])
    points = clouds(len(labels), 4)
    points[:, :, 0] = np.arange(len(labels))[:, None]
    order = np.random.default_rng(0).permutation(len(labels))
    path = tmp_path_factory.mktemp("fewshot") / "source.npz"
    is_test = np.arange(len(labels)) >= sum(train)
    np.savez(path, points=points[order], labels=labels[order], classes=CLASSES, is_test=is_test[order])
    return path


def fold(path: Path, split: str = "train", **options: Any) -> PointCloudDataset:
    small: dict[str, Any] = {"source": "npz", "ways": 5, "shots": 4, "queries": 5}
    return open_dataset("fewshot", path, split, **(small | options))


def numbers(dataset: PointCloudDataset) -> list[int]:
    return [int(dataset.cloud(index)[0, 0]) for index in range(len(dataset))]


@pytest.mark.parametrize("query_split", ["test", "train"])
def test_folds_are_balanced_and_disjoint(source: Path, query_split: str) -> None:
    whole = [open_dataset("npz", source, split) for split in ("train", "test")]
    name_of = {
        n: part.class_names[label] for part in whole for n, label in zip(numbers(part), part.labels, strict=True)
    }
    training = set(numbers(whole[0]))
    for number in range(6):
        support, query = (fold(source, split, fold=number, query_split=query_split) for split in ("train", "test"))
        assert (support.split, query.split, support.name) == ("train", "test", "fewshot")
        assert support.class_counts().tolist() == [4] * 5
        assert query.class_counts().tolist() == [5] * 5
        assert support.class_names == query.class_names
        assert len(set(support.class_names)) == 5
        assert set(support.class_names) <= set(CLASSES) - {"kind 3"}
        assert len({*numbers(support), *numbers(query)}) == 45
        assert set(numbers(support)) <= training
        assert (set(numbers(query)) <= training) == (query_split == "train")
        for part in (support, query):  # labels belong to the clouds
            assert [part.class_names[label] for label in part.labels] == [name_of[n] for n in numbers(part)]


def test_a_fold_is_a_function_of_its_number_and_the_seed(source: Path) -> None:
    def drawn(**options: Any) -> tuple[tuple[str, ...], list[int], list[int]]:
        support, query = (fold(source, split, **options) for split in ("train", "test"))
        return support.class_names, numbers(support), numbers(query)

    folds = [drawn(fold=number, seed=seed) for seed in (0, 1) for number in range(4)]
    assert drawn(fold=2, seed=1) == folds[6]
    assert len({str(one) for one in folds}) == 8
    assert len({one[0] for one in folds}) > 4
    # The same draw on every machine and in every version.
    assert folds[0][0] == ("kind 1", "kind 2", "kind 4", "kind 5", "kind 6")


@pytest.mark.parametrize("query_split", ["test", "train"])
def test_more_shots_contain_fewer_and_keep_the_queries(source: Path, query_split: str) -> None:
    few, more = (fold(source, shots=shots, queries=5, query_split=query_split, fold=1) for shots in (4, 6))
    assert few.class_names == more.class_names
    assert set(numbers(few)) < set(numbers(more))
    first, second = (fold(source, "test", shots=shots, query_split=query_split, fold=1) for shots in (4, 6))
    assert numbers(first) == numbers(second)


def test_every_class_has_its_turn(source: Path) -> None:
    found = [name for number in range(40) for name in fold(source, fold=number, ways=2).class_names]
    counts = {name: found.count(name) for name in CLASSES}
    assert {name for name, count in counts.items() if count == 0} == {"kind 3", "kind 7"}
    assert min(count for count in counts.values() if count) >= 5  # 80 / 7 are expected


def test_a_fold_is_a_data_set_like_others(source: Path) -> None:
    support = fold(source)
    train, validation = train_validation_split(support, 0.25)
    assert train.class_counts().tolist() == [3] * 5
    assert validation.class_names == support.class_names
    assert sorted(numbers(train) + numbers(validation)) == sorted(numbers(support))
    generated = open_dataset("fewshot", None, source="procedural", queries=3, source_options={"num_points": 16})
    assert generated.generated
    assert generated.cloud(49).shape == (16, 3)
    assert all(text.startswith(f"{source}[") for text in support.sources)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"ways": 9},
            ["7 classes have 4 clouds in the train split and 5 in the test split", "not kind 3, kind 7", "9"],
        ),
        ({"ways": 9, "query_split": "train"}, ["8 classes have 9 clouds in the train split (4 shots and 5 queries)"]),
        ({"shots": 13}, ["0 classes have 13 clouds", "…"]),
        ({"source": "shards"}, ["shards"]),
    ],
)
def test_too_few_clouds(source: Path, options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(DataError) as error:
        fold(source, **options)
    one_line(error.value, *words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"ways": 1}, ["ways is 1", "between 2 and"]),
        ({"shots": 0}, ["shots is 0"]),
        ({"queries": True}, ["queries is True"]),
        ({"fold": -1}, ["fold is -1"]),
        ({"query_split": "tset"}, ["query_split 'tset'", "did you mean 'test'"]),
        ({"source": "npx"}, ["'npx'", "did you mean 'npz'"]),
        ({"source": "fewshot"}, ["holds folds already"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"source_options": {"split_sed": 1}}, ["split_sed", "did you mean 'split_seed'"]),
    ],
)
def test_bad_options(source: Path, options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        fold(source, **options)
    one_line(error.value, *words)


def test_without_labels_there_are_no_folds(tmp_path: Path) -> None:
    np.savez(tmp_path / "n.npz", points=clouds(10))
    with pytest.raises(DataError, match="has no labels to draw few-shot folds by"):
        open_dataset("fewshot", tmp_path / "n.npz", source="npz", query_split="train")
