"""Data sets: where raw clouds and their labels come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.data.datasets.base import PointCloudDataset
    from pointlora.data.datasets.registry import dataset_options, list_datasets, open_dataset
    from pointlora.data.datasets.splits import keep_label_fraction, train_validation_split

__all__ = [
    "PointCloudDataset",
    "dataset_options",
    "keep_label_fraction",
    "list_datasets",
    "open_dataset",
    "train_validation_split",
]

__getattr__ = lazy_names(
    __name__,
    {
        "PointCloudDataset": "base",
        "dataset_options": "registry",
        "keep_label_fraction": "splits",
        "list_datasets": "registry",
        "open_dataset": "registry",
        "train_validation_split": "splits",
    },
)
