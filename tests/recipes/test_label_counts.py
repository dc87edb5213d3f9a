"""Numbers of labels in recipes: what they may be, and beside what they may stand."""

import pytest

from pointlora.errors import ConfigError
from pointlora.recipes.files import from_mapping
from pointlora.recipes.label_counts import check_label_counts
from pointlora.recipes.runs import TrainRecipe


def test_counts_are_put_in_order():
    assert check_label_counts(["all", 10, 1, 2]) == [1, 2, 10, "all"]
    assert check_label_counts([]) == []


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (5, "labels_per_class is 5, but it must be a list"),
        ("all", "labels_per_class is 'all', but it must be a list"),
        ([1, 0], "each of labels_per_class is 0, but it must be an integer of at least 1, or all"),
        ([-2], "each of labels_per_class is -2"),
        ([2.5], "each of labels_per_class is 2.5"),
        (["2"], "each of labels_per_class is '2'"),
        (["many"], "each of labels_per_class is 'many'"),
        ([True], "each of labels_per_class is True"),
        ([5, 2, 5], r"labels_per_class is \[5, 2, 5\], but each count may appear only once"),
        (["all", "all"], "may appear only once"),
    ],
)
def test_wrong_counts_are_named(counts, words):
    with pytest.raises(ConfigError, match=words):
        check_label_counts(counts)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"labels_per_class": 0}, "data.labels_per_class is 0"),
        ({"labels_per_class": "all"}, "data.labels_per_class is 'all'"),
        ({"labels_per_class": 5, "label_fraction": 0.5}, "data.labels_per_class is 5, and data.label_fraction 0.5"),
        ({"labels_per_class": 5, "name": "fewshot_files"}, r"few-shot folds \(fewshot_files\) count their labels by"),
        ({"options": {"labels_per_class": 5}}, "data.options holds 'labels_per_class'"),
    ],
)
def test_what_a_run_cannot_count(data, words):
    with pytest.raises(ConfigError, match=words):
        from_mapping(TrainRecipe, {"data": data})
