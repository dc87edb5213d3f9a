"""Data: readers of files, data sets, transforms, procedural shapes, and sampling that carries no state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.data.batches import ClassificationBatch, ClassificationLoaderDataset
    from pointlora.data.datasets.base import PointCloudDataset
    from pointlora.data.datasets.registry import dataset_options, list_datasets, open_dataset
    from pointlora.data.datasets.splits import keep_label_fraction, train_validation_split
    from pointlora.data.loading import make_loader, voting_batches
    from pointlora.data.sampling import EpochBatchSampler, sample_generator
    from pointlora.data.shards import index_shards, write_shards
    from pointlora.data.transforms import PointTransform, TransformConfig

__all__ = [
    "ClassificationBatch",
    "ClassificationLoaderDataset",
    "EpochBatchSampler",
    "PointCloudDataset",
    "PointTransform",
    "TransformConfig",
    "dataset_options",
    "index_shards",
    "keep_label_fraction",
    "list_datasets",
    "make_loader",
    "open_dataset",
    "sample_generator",
    "train_validation_split",
    "voting_batches",
    "write_shards",
]

__getattr__ = lazy_names(
    __name__,
    {
        "ClassificationBatch": "batches",
        "ClassificationLoaderDataset": "batches",
        "EpochBatchSampler": "sampling",
        "PointCloudDataset": "datasets.base",
        "PointTransform": "transforms",
        "TransformConfig": "transforms",
        "dataset_options": "datasets.registry",
        "index_shards": "shards",
        "keep_label_fraction": "datasets.splits",
        "list_datasets": "datasets.registry",
        "make_loader": "loading",
        "open_dataset": "datasets.registry",
        "sample_generator": "sampling",
        "train_validation_split": "datasets.splits",
        "voting_batches": "loading",
        "write_shards": "shards",
    },
)
