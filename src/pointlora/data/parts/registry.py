"""Data sets with part labels by name: `open_part_dataset("shapenetpart", root, "trainval")`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from pointlora.data.datasets.folder_layout import has_split
from pointlora.data.datasets.paths import Root
from pointlora.data.datasets.registry import Table, open_from
from pointlora.data.parts.base import PartDataset

_DATASETS: Table = {
    "shapenetpart": ("pointlora.data.parts.shapenetpart", "open_shapenetpart"),
    "folder": ("pointlora.data.parts.folder", "open_part_folder"),
    "procedural": ("pointlora.data.parts.procedural", "ProceduralParts"),
}


def list_part_datasets() -> tuple[str, ...]:
    """The names that `open_part_dataset` knows."""
    return tuple(_DATASETS)


def open_part_dataset(name: str, root: Root = None, split: str = "train", **options: Any) -> PartDataset:
    """Open a data set whose points have part labels.

    Args:
        name: one of `list_part_datasets()`.
        root: its folder; `procedural` needs none.
        split: `train` or `test`; some have `validation`, `trainval` or `all`.
        options: `label_fraction`, `label_seed` and `cache` as for `pointlora.data.open_dataset`; the data set's own.

    Raises:
        ConfigError: for an unknown name, split or option.
        DataError: if the files are missing, damaged, or not laid out as expected.
    """
    return cast(PartDataset, open_from(_DATASETS, name, root, split, **options))


def has_own_validation(name: str, root: Root) -> bool:
    """Whether a data set comes with a validation split; of others a part of the training split is taken."""
    if name == "folder" and root is not None and Path(root).expanduser().is_dir():
        return has_split(Path(root).expanduser(), "validation")
    return name == "shapenetpart"
