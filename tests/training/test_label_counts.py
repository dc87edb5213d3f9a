"""So many labels of each class: which they are, and which choose the epoch."""

from itertools import pairwise

import pytest

from pointlora.data import notices
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.data import open_splits
from pointlora.training.fit import fine_tune
from pointlora.training.part_segmentation.task import open_part_splits
from training_runs import tiny_parts, tiny_recipe


@pytest.fixture(autouse=True)
def forgetful():
    notices.forget()


def opened(count, seed=0, kind=tiny_recipe, splits=open_splits, **training):
    recipe = kind("unused", seed=seed, **training)
    recipe["data"] |= {"labels_per_class": count, "validation_fraction": 1 / 3}
    return splits(from_mapping(TrainRecipe, recipe))


@pytest.mark.parametrize(
    ("kind", "splits"), [(tiny_recipe, open_splits), (tiny_parts, open_part_splits)], ids=["classes", "categories"]
)
def test_fewer_labels_are_among_more_and_never_those_of_validation(kind, splits):
    found = [opened(count, kind=kind, splits=splits) for count in (1, 2, 5, 8, None)]
    assert [split.train.class_counts().tolist() for split in found] == [[n] * 3 for n in (1, 2, 5, 8, 8)]
    assert [split.selection.class_counts().tolist() for split in found] == [[n] * 3 for n in (1, 2, 4, 4, 4)]
    for fewer, more in pairwise(found):
        assert set(fewer.train.sources) <= set(more.train.sources)
        assert set(fewer.selection.sources) <= set(more.selection.sources)
    assert not set(found[-1].selection.sources) & set(found[-1].train.sources)
    assert {split.selection.split for split in found} == {"validation"}
    assert len({tuple(split.reported.sources) for split in found}) == 1


def test_the_draw_is_a_function_of_the_seed():
    first, same, other = (opened(2, seed).train.sources for seed in (0, 0, 1))
    assert list(first) == list(same)
    assert list(first) != list(other)


def test_other_protocols_count_what_they_train_on():
    assert opened(2, protocol="last").train.class_counts().tolist() == [2, 2, 2]
    fold = opened(2, protocol="k_fold", folds=2, fold=0, measure_test=False)
    assert (len(fold.train), len(fold.selection)) == (3, 3)
    whole = opened(2, protocol="last").train.sources
    assert sorted([*fold.train.sources, *fold.selection.sources]) == sorted(whole)


def test_classes_with_fewer_labels_are_named(capsys):
    assert opened(50).train.class_counts().tolist() == [8, 8, 8]
    said = capsys.readouterr().err
    assert said == (
        "procedural: 50 labels a class are wanted, there are 8 of 'chair', 8 of 'mug', 8 of 'rocket': all are used\n"
    )
    opened(8)
    assert capsys.readouterr().err == ""


def test_a_run_says_what_it_learned_from(tmp_path):
    recipe = tiny_recipe(tmp_path / "run", epochs=1)
    recipe["data"] |= {"labels_per_class": 2}
    results = fine_tune(from_mapping(TrainRecipe, recipe))
    assert [results[key] for key in ("train_clouds", "train_classes", "selection_clouds")] == [6, 3, 4]
    assert results["recipe"]["data"]["labels_per_class"] == 2
    assert 0 < results["seconds_per_cloud"] < 1
