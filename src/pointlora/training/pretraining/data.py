"""The data of a pre-training run: a stream of clouds that doesn't repeat itself before all have been seen."""

from __future__ import annotations

import numpy as np

from pointlora.data.datasets import PointCloudDataset, open_dataset
from pointlora.data.datasets.mixed import MixedDataset
from pointlora.data.loading import ClassificationLoaderDataset, PointLoader, loader_over
from pointlora.data.orders import Blocks, shuffled_order
from pointlora.data.sampling import EpochBatchSampler, sample_generator
from pointlora.data.transforms import PointTransform, TransformConfig
from pointlora.recipes.pretraining import PretrainRecipe
from pointlora.recipes.runs import RunConfig
from pointlora.training.devices.choice import evaluation_device
from pointlora.training.devices.world import World, current_world
from pointlora.training.pretraining.batches import PretrainingLoaderDataset, Views


class StreamSampler(EpochBatchSampler):
    """Batches of `per_epoch` samples per epoch out of a data set that is larger than an epoch.

    Epoch e takes the next `per_epoch` samples, so nothing repeats before the data set has been used up; then the
    stream starts again in another order.
    """

    def __init__(
        self,
        size: int,
        per_epoch: int,
        batch_size: int,
        seed: int,
        world: World = World(),  # noqa: B008  # frozen
        blocks: Blocks | None = None,
    ) -> None:
        part = max(min(world.share(batch_size), per_epoch // world.size), 1)
        super().__init__(per_epoch, part, seed, drop_last=True, rank=world.rank, world_size=world.size, blocks=blocks)
        self.size = size

    def order(self, epoch: int) -> np.ndarray:
        positions = np.arange(epoch * self.num_samples, (epoch + 1) * self.num_samples)
        rounds = positions // self.size
        chosen = np.empty(len(positions), dtype=np.int64)
        for turn in np.unique(rounds):
            generator = sample_generator(self.seed, int(turn), 0, "stream")
            permutation = shuffled_order(generator, self.size, self.blocks)
            chosen[rounds == turn] = permutation[positions[rounds == turn] % self.size]
        return chosen


def open_pretraining(recipe: PretrainRecipe) -> PointCloudDataset:
    """The training split of a pre-training run, with the corpus mixed in; made as large as the whole run needs.

    Raises:
        ConfigError: for an unknown data set or option.
        DataError: if it can't be read.
    """
    data, run, corpus = recipe.data, recipe.training, recipe.corpus
    options, wanted = dict(data.options), run.epochs * (run.samples_per_epoch or 0)
    if data.name == "procedural" and wanted:
        options["train_size"] = wanted
    main = open_dataset(data.name, data.root, "train", cache=data.cache, **options)
    if corpus.name is None:
        return main
    return MixedDataset(main, open_dataset(corpus.name, corpus.root, "train", **corpus.options), corpus.share, wanted)


def pretraining_loader(
    dataset: PointCloudDataset, transform: TransformConfig, run: RunConfig, views: Views
) -> PointLoader:
    """This process's part of shuffled, augmented batches, of `samples_per_epoch` clouds per epoch where that is set."""
    per_epoch = getattr(run, "samples_per_epoch", None) or len(dataset)
    sampler = StreamSampler(len(dataset), per_epoch, run.batch_size, run.seed, current_world(), blocks=dataset.blocks())
    gpu = evaluation_device(run.accelerator).type == "cuda"
    prepared = PointTransform(transform, train=True, seed=run.seed)
    inner = PretrainingLoaderDataset(ClassificationLoaderDataset(dataset, prepared, pending=gpu), views)
    return loader_over(inner, sampler, workers=run.workers, pin_memory=gpu)
