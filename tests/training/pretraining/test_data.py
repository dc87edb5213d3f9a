import numpy as np
import pytest
import torch

from pointlora.data.orders import Blocks
from pointlora.recipes.files import from_mapping
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.training.data import transform_config
from pointlora.training.devices.world import World
from pointlora.training.pretraining.batches import Views
from pointlora.training.pretraining.data import StreamSampler, open_pretraining, pretraining_loader
from pointlora.training.pretraining.views import second_views
from pointlora.training.randomness import patch_masks
from training_runs import OPTIONS


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
