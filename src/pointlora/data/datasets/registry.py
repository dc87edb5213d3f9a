"""Data sets by name: `open_dataset("scanobjectnn", root, "train", variant="pb_t50_rs")`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.datasets.paths import Root
from pointlora.data.datasets.splits import keep_label_fraction
from pointlora.data.feature_names import channel_names
from pointlora.errors import ConfigError
from pointlora.names import unknown_name

# name -> (module, callable that takes root, split and the data set's own options)
Table = Mapping[str, tuple[str, str]]

_DATASETS: Table = {
    "scanobjectnn": ("pointlora.data.datasets.scanobjectnn", "ScanObjectNN"),
    "modelnet40": ("pointlora.data.datasets.modelnet40", "open_modelnet40"),
    "folder": ("pointlora.data.datasets.folder", "FolderDataset"),
    "npz": ("pointlora.data.datasets.npz", "NpzDataset"),
    "shards": ("pointlora.data.datasets.shards", "ShardsDataset"),
    "procedural": ("pointlora.data.datasets.procedural", "ProceduralDataset"),
    "fewshot": ("pointlora.data.datasets.fewshot", "open_fewshot"),
    "fewshot_files": ("pointlora.data.datasets.fewshot_files", "open_fold_file"),
}

# `trainval` is the training and the validation part together.
_TRAINING_SPLITS = ("train", "trainval")


def list_datasets() -> tuple[str, ...]:
    """The names that `open_dataset` knows."""
    return tuple(_DATASETS)


def dataset_options(name: str) -> dict[str, Any]:
    """The options of a data set with their defaults, besides root, split and those that all data sets have.

    Raises:
        ConfigError: for an unknown name.
    """
    return _options(_opener(name, _DATASETS))


def _options(opener: Callable[..., PointCloudDataset]) -> dict[str, Any]:
    parameters = inspect.signature(opener).parameters
    return {
        key: value.default for key, value in parameters.items() if key not in ("root", "split", "cache", "features")
    }


def open_dataset(
    name: str,
    root: Root = None,
    split: str = "train",
    label_fraction: float = 1.0,
    label_seed: int = 0,
    cache: str = "off",
    features: Sequence[str] = (),
    **options: Any,
) -> PointCloudDataset:
    """Open a data set.

    Args:
        name: one of `list_datasets()`.
        root: its folder or file; `procedural` needs none.
        split: `train` or `test`; some have `validation` or `all`.
        label_fraction: keep this stratified share of the training split, at least one cloud of each class, to study
            few labels; other splits stay whole.
        label_seed: chooses that share.
        cache: `auto`, `off`, or a folder. Data sets of slow formats (folder, modelnet40, scanobjectnn) are converted
            once to a file in it (`auto`: `$POINTLORA_CACHE` or ~/.cache/pointlora), and made anew when a file changes.
        features: names of what points have beside x, y, z, such as `red`, `green`, `blue`: clouds are then (N, 3 + F).
        options: the data set's own, such as `variant`; see `dataset_options`.

    Raises:
        ConfigError: for an unknown name, split or option.
        DataError: if the files are missing, damaged, or not laid out as expected.
    """
    return open_from(_DATASETS, name, root, split, label_fraction, label_seed, cache, features, **options)


def open_from(
    table: Table,
    name: str,
    root: Root,
    split: str,
    label_fraction: float = 1.0,
    label_seed: int = 0,
    cache: str = "off",
    features: Sequence[str] = (),
    **options: Any,
) -> PointCloudDataset:
    """`open_dataset` with another table of data sets."""
    opener = _opener(name, table)
    known = _options(opener)
    for option in options:
        if option not in known:
            raise ConfigError(unknown_name(f"option of data set {name!r}", option, [*known, "label_fraction"]))
    if "cache" in inspect.signature(opener).parameters:
        options["cache"] = cache
    if "features" in inspect.signature(opener).parameters:
        options["features"] = channel_names(features)
    elif features:
        raise ConfigError(f"data.features is {list(features)}, but data set {name!r} has x, y, z alone: leave it out")
    dataset: PointCloudDataset = opener(root, split, **options)
    if split not in _TRAINING_SPLITS or label_fraction == 1.0:
        return dataset
    return keep_label_fraction(dataset, label_fraction, label_seed)


def _opener(name: str, table: Table) -> Callable[..., PointCloudDataset]:
    if name not in table:
        raise ConfigError(unknown_name("data set", name, table))
    module, attribute = table[name]
    opener: Callable[..., PointCloudDataset] = getattr(importlib.import_module(module), attribute)
    return opener
