"""Data sets: where raw clouds and their labels come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.data.datasets.base import PointCloudDataset
    from pointlora.data.datasets.registry import open_dataset
    from pointlora.data.datasets.splits import train_validation_split

__all__ = [
    "PointCloudDataset",
    "open_dataset",
    "train_validation_split",
]

__getattr__ = lazy_names(
    __name__,
    {
        "PointCloudDataset": "base",
        "open_dataset": "registry",
        "train_validation_split": "splits",
    },
)
