import numpy as np
import pytest

from pointlora.errors import ConfigError, DataError
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.data import open_splits, transform_config
from training_runs import tiny_recipe


def open_with(**data):
    recipe = tiny_recipe("unused")
    training = data.pop("training", {})
    return open_splits(from_mapping(TrainRecipe, recipe | {"data": recipe["data"] | data, "training": training}))


def test_validation_is_cut_out_of_training_and_the_test_set_stays_whole():
    splits = open_with(validation_fraction=0.25)
    assert (len(splits.train), len(splits.selection), len(splits.reported)) == (27, 9, 12)
    assert splits.selection.class_counts().tolist() == [3, 3, 3]
    assert not set(splits.train.sources) & set(splits.selection.sources)


def test_the_papers_protocol_selects_on_the_test_set():
    splits = open_with(training={"protocol": "paper"})
    assert splits.selection is splits.reported
    assert len(splits.train) == 36
    assert splits.all == (splits.train, splits.reported)


def test_the_protocol_last_holds_nothing_back():
    splits = open_with(training={"protocol": "last"})
    assert splits.selection is None
    assert [len(split) for split in splits.all] == [36, 12]


def test_with_a_closed_test_set_the_selection_split_is_reported():
    splits = open_with(validation_fraction=0.25, training={"measure_test": False})
    assert splits.reported is splits.selection
    assert [len(split) for split in splits.all] == [27, 9]


def test_label_fraction():
    splits = open_with(label_fraction=0.5, validation_fraction=1 / 3)
    assert (len(splits.train), len(splits.selection), len(splits.reported)) == (12, 6, 12)


def test_unknown_augmentation():
    recipe = TrainRecipe()
    recipe.data.augmentations = ["rotat"]
    with pytest.raises(ConfigError, match="did you mean 'rotate'"):
        transform_config(recipe.data)


def test_unlabelled_data_cannot_be_fine_tuned_on(tmp_path):
    np.savez(tmp_path / "clouds.npz", points=np.random.default_rng(0).random((8, 64, 3), dtype=np.float32))
    with pytest.raises(DataError):
        open_with(name="npz", root=str(tmp_path / "clouds.npz"), options={"test_fraction": 0.25})
