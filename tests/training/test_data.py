import numpy as np
import pytest
import torch

from pointlora.data.orders import Blocks
from pointlora.errors import ConfigError, DataError
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import PretrainRecipe, TrainRecipe
from pointlora.training.data import StreamSampler, open_pretraining, open_splits, pretraining_loader, transform_config
from pointlora.training.devices.world import World
from pointlora.training.pretraining.batches import Views
from pointlora.training.pretraining.views import second_views
from pointlora.training.randomness import patch_masks
from training_runs import OPTIONS, tiny_recipe


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


def test_the_stream_repeats_nothing_before_the_data_is_used_up():
    sampler = StreamSampler(size=10, per_epoch=4, batch_size=2, seed=1)
    orders = [sampler.order(epoch).tolist() for epoch in range(5)]
    stream = [index for order in orders for index in order]
    assert sorted(stream[:10]) == sorted(stream[10:]) == list(range(10))
    assert stream[:10] != stream[10:]
    sampler.set_epoch(3)
    assert [index for batch in sampler for _, index in batch] == orders[3]
    assert len(sampler) == 2


def test_procedural_pretraining_is_endless():
    recipe = from_mapping(
        PretrainRecipe,
        {
            "data": {"num_points": 32, "options": OPTIONS | {"num_points": 64}},
            "training": {"epochs": 3, "samples_per_epoch": 6, "batch_size": 3, "workers": 0},
        },
    )
    dataset = open_pretraining(recipe)
    assert len(dataset) == 18
    views = Views(seed=1, num_groups=8, num_masked=5, up_axis="z")
    loader = pretraining_loader(dataset, transform_config(recipe.data), recipe.training, views)
    seen = []
    for epoch in range(3):
        loader.batch_sampler.set_epoch(epoch)
        for batch in loader:
            seen += batch.index.tolist()
            keys = [(epoch, index) for index in batch.index.tolist()]
            assert torch.equal(batch.mask, patch_masks(1, keys, 8, 5))
            assert torch.equal(batch.view.linear_map, second_views(1, keys, 8, 5, "z").linear_map)
    assert sorted(seen) == list(range(18))


@pytest.mark.parametrize("blocks", [None, Blocks(np.arange(24) // 3, 2)])
def test_processes_share_the_stream(blocks):
    worlds = [World(rank, 2, 2) for rank in range(2)]
    samplers = [StreamSampler(24, 12, 6, 1, world, blocks) for world in worlds]
    whole = StreamSampler(24, 12, 6, 1, blocks=blocks)
    for epoch in range(3):
        for sampler in (*samplers, whole):
            sampler.set_epoch(epoch)
        parts = [[[index for _, index in batch] for batch in sampler] for sampler in (*samplers, whole)]
        assert [len(part) for part in parts] == [2, 2, 2]
        flat = [sorted(index for batch in part for index in batch) for part in parts]
        assert sorted(flat[0] + flat[1]) == flat[2]
        if blocks is None:  # even the same batches
            assert [sorted(a + b) for a, b in zip(*parts[:2], strict=True)] == [sorted(batch) for batch in parts[2]]
