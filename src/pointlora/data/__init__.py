"""Data: readers of files, data sets, transforms, and sampling that carries no state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.data.datasets.base import PointCloudDataset
    from pointlora.data.datasets.registry import dataset_options, list_datasets, open_dataset
    from pointlora.data.datasets.splits import train_validation_split
    from pointlora.data.loading import make_loader
    from pointlora.data.shards import index_shards, write_shards
    from pointlora.data.transforms import TransformConfig

__all__ = [
    "PointCloudDataset",
    "TransformConfig",
    "dataset_options",
    "index_shards",
    "list_datasets",
    "make_loader",
    "open_dataset",
    "train_validation_split",
    "write_shards",
]

__getattr__ = lazy_names(
    __name__,
    {
        "PointCloudDataset": "datasets.base",
        "TransformConfig": "transforms",
        "dataset_options": "datasets.registry",
        "index_shards": "shards",
        "list_datasets": "datasets.registry",
        "make_loader": "loading",
        "open_dataset": "datasets.registry",
        "train_validation_split": "datasets.splits",
        "write_shards": "shards",
    },
)
