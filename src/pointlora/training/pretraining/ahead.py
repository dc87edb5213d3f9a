"""Clouds made ahead for a run: from its file where it has one, otherwise made and kept there."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.datasets.mixed import MixedDataset
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.training.devices.world import current_world
from pointlora.training.pretraining.bank import bank_settings, make_bank
from pointlora.training.pretraining.bank_file import open_bank, save_bank
from pointlora.training.pretraining.resident import ResidentClouds, read_ahead
from pointlora.training.run_folder import RunFolder

_LOOK_AGAIN = 0.2  # seconds


def made_ahead(
    recipe: PretrainRecipe, folder: RunFolder, dataset: PointCloudDataset, num_groups: int, num_masked: int
) -> ResidentClouds:
    """The clouds of a run that wants them in memory.

    Args:
        recipe: of the run; `ahead.size` is set.
        folder: of the run.
        dataset: of the run; its corpus is read whole.
        num_groups: patches of a cloud.
        num_masked: how many of them the first view hides.

    Raises:
        DataError: if the corpus can't be read, or a file is damaged or holds other clouds.
    """
    ahead, data, seed = recipe.ahead, recipe.data, recipe.training.seed
    assert ahead.size is not None
    second = int(ahead.second_mask_ratio * num_groups)
    file = Path(ahead.file) if ahead.file else folder.path / "clouds.bank"
    settings = bank_settings(ahead.size, data.num_points, seed, ahead.shares)
    world = current_world()
    while not file.exists() and not world.first_here:
        time.sleep(_LOOK_AGAIN)  # the first process of the machine makes it; if that one dies, this one is ended
    if not file.exists():
        made = make_bank(ahead.size, data.num_points, seed, ahead.shares, ahead.workers)
        save_bank(file, *made, settings.description())
    clouds, labels = open_bank(file, settings.description())
    corpus = None
    if isinstance(dataset, MixedDataset):
        corpus = read_ahead(dataset.corpus, data.num_points, seed)
    return ResidentClouds(
        np.array(clouds),  # a copy of the mapped file
        labels,
        corpus,
        recipe.corpus.share,
        data.num_points,
        num_groups,
        (num_masked, second),
        data.up_axis,
        seed,
    )
