"""Data sets by name: `open_dataset("scanobjectnn", root, "train", variant="pb_t50_rs")`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.datasets.paths import Root
from pointlora.data.datasets.splits import keep_label_fraction
from pointlora.errors import ConfigError
from pointlora.names import unknown_name

# name -> (module, callable that takes root, split and the data set's own options)
_DATASETS = {
    "scanobjectnn": ("scanobjectnn", "ScanObjectNN"),
    "modelnet40": ("modelnet40", "open_modelnet40"),
    "folder": ("folder", "FolderDataset"),
    "npz": ("npz", "NpzDataset"),
    "shards": ("shards", "ShardsDataset"),
    "procedural": ("procedural", "ProceduralDataset"),
    "fewshot": ("fewshot", "open_fewshot"),
    "fewshot_files": ("fewshot_files", "open_fold_file"),
}


def list_datasets() -> tuple[str, ...]:
    """The names that `open_dataset` knows."""
    return tuple(_DATASETS)


def dataset_options(name: str) -> dict[str, Any]:
    """The options of a data set with their defaults, besides root, split and those that all data sets have.

    Raises:
        ConfigError: for an unknown name.
    """
    parameters = inspect.signature(_opener(name)).parameters
    return {key: value.default for key, value in parameters.items() if key not in ("root", "split", "cache")}


def open_dataset(
    name: str,
    root: Root = None,
    split: str = "train",
    label_fraction: float = 1.0,
    label_seed: int = 0,
    cache: str = "off",
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
        options: the data set's own, such as `variant`; see `dataset_options`.

    Raises:
        ConfigError: for an unknown name, split or option.
        DataError: if the files are missing, damaged, or not laid out as expected.
    """
    opener, known = _opener(name), dataset_options(name)
    for option in options:
        if option not in known:
            raise ConfigError(unknown_name(f"option of data set {name!r}", option, [*known, "label_fraction"]))
    if "cache" in inspect.signature(opener).parameters:
        options["cache"] = cache
    dataset: PointCloudDataset = opener(root, split, **options)
    if split != "train" or label_fraction == 1.0:
        return dataset
    return keep_label_fraction(dataset, label_fraction, label_seed)


def _opener(name: str) -> Callable[..., PointCloudDataset]:
    if name not in _DATASETS:
        raise ConfigError(unknown_name("data set", name, _DATASETS))
    module, attribute = _DATASETS[name]
    opener: Callable[..., PointCloudDataset] = getattr(
        importlib.import_module(f"pointlora.data.datasets.{module}"), attribute
    )
    return opener
