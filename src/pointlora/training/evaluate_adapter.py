"""Measuring an adapter folder on a data set."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from torch import nn

from pointlora.adapters.loading import adapter_classes, adapter_features, adapter_parts, load_adapted_model
from pointlora.data.datasets import PointCloudDataset, open_dataset
from pointlora.data.parts.registry import open_part_dataset
from pointlora.data.transforms import TransformConfig
from pointlora.errors import AdapterError, ConfigError
from pointlora.training.classification.evaluation import check_class_names, evaluate
from pointlora.training.classification.metrics import ClassificationMetrics
from pointlora.training.devices.choice import computing_in, evaluation_device
from pointlora.training.part_segmentation.evaluation import check_space, counted_space, evaluate_parts
from pointlora.training.part_segmentation.metrics import PartMetrics


def evaluate_adapter(
    folder: str | os.PathLike[str],
    *,
    base: str | None = None,
    data_name: str | None = None,
    root: str | None = None,
    options: Mapping[str, Any] | None = None,
    label_name: str | None = None,
    label_column: int | None = None,
    cache: str = "auto",
    split: str = "test",
    num_points: int | None = None,
    votes: int = 1,
    seed: int = 0,
    batch_size: int = 32,
    workers: int = 0,
    accelerator: str = "auto",
    precision: str = "32",
) -> tuple[Any, dict[str, Any]]:
    """Figures of an adapter: accuracy of a classifier; mIoU of a part segmenter, over all points of all clouds.

    Args:
        folder: of the adapter.
        base: file with the backbone's weights; by default the one that the adapter names.
        data_name: data set; by default the one that the adapter was trained on, with its root and options.
        root: its folder or file.
        options: its own options.
        label_name, label_column: where the labels of a folder's files are, for part segmentation; by default as in
            training.
        cache: see `open_dataset`.
        split: which part of it.
        num_points: points per cloud; by default as in training.
        votes: see `evaluate`, like the rest.
        seed, batch_size, workers: see `evaluate`.
        accelerator: auto, cpu or cuda.
        precision: 32 or bf16.

    Returns:
        `ClassificationMetrics` or `PartMetrics`, and about them: `data`, `split`, `num_points`, `votes`, `selected_on`.

    Raises:
        AdapterError, CheckpointError: if the adapter or its backbone can't be loaded.
        DataError: if the data set can't be read or has other classes, parts or categories than the adapter.
    """
    labels = {"label_name": label_name, "label_column": label_column}
    found = open_measured(folder, base, data_name, root, options, labels, cache, split, num_points, accelerator)
    with computing_in(precision, evaluation_device(accelerator)):
        metrics = found.measure(
            found.model, found.dataset, found.transform, batch_size=batch_size, votes=votes, seed=seed, workers=workers
        )
    return metrics, _about(found.config, found.dataset, found.transform, votes)


class Measured(NamedTuple):
    """An adapter that is ready to be measured.

    Attributes:
        model: on its device.
        config: content of its `adapter_config.json`.
        dataset: to measure on.
        transform: how clouds are prepared.
        measure: (model, dataset, transform, ...) to figures.
    """

    model: nn.Module
    config: dict[str, Any]
    dataset: PointCloudDataset
    transform: TransformConfig
    measure: Callable[..., Any]


def open_measured(
    folder: str | os.PathLike[str],
    base: str | None,
    data_name: str | None,
    root: str | None,
    options: Mapping[str, Any] | None,
    labels: Mapping[str, Any],
    cache: str,
    split: str,
    num_points: int | None,
    accelerator: str,
) -> Measured:
    """Open an adapter and what it is measured on; arguments and errors are those of `evaluate_adapter`."""
    device = evaluation_device(accelerator)
    model, config = load_adapted_model(folder, base)
    opened = _with_parts if config["base_model"]["task"] == "part_segmentation" else _with_classes
    name, root, chosen = _data_of(folder, config, data_name, root, options)
    transform = _transform_of(folder, config, num_points)
    features = () if transform.features is None else transform.features.names
    chosen |= {key: value for key, value in labels.items() if value is not None} or _trained_labels(config, data_name)
    dataset, measure = opened(folder, config, name, root=root, split=split, cache=cache, features=features, **chosen)
    return Measured(model.to(device), config, dataset, transform, measure)


def _with_classes(
    folder: str | os.PathLike[str], config: dict[str, Any], name: str, **settings: Any
) -> tuple[PointCloudDataset, Callable[..., ClassificationMetrics]]:
    """A data set with the adapter's classes, and what measures on it."""
    if "label_name" in settings or "label_column" in settings:
        raise ConfigError(f"data.label_name and data.label_column are for part segmentation; {folder} classifies")
    if not config.get("class_names"):
        raise AdapterError(f"{folder} has no class names, so its predictions can't be compared with labels")
    classes = adapter_classes(folder, config)
    if name == "folder":
        settings.setdefault("class_names", list(classes))  # a folder may lack some of them
    dataset = open_dataset(name, **settings)
    check_class_names(classes, dataset, f"the adapter {folder}")
    return dataset, evaluate


def _with_parts(
    folder: str | os.PathLike[str], config: dict[str, Any], name: str, **settings: Any
) -> tuple[PointCloudDataset, Callable[..., PartMetrics]]:
    """A data set with the adapter's parts, and what measures on it."""
    space = adapter_parts(folder, config)
    if name == "folder" and space.categories:
        settings.setdefault("categories", list(space.categories))
    dataset = open_part_dataset(name, **settings)
    check_space(space, dataset, f"the adapter {folder}")
    counted = counted_space(config["parts"], space, dataset)
    return dataset.in_space(space), partial(evaluate_parts, space=counted)


def _data_of(
    folder: str | os.PathLike[str],
    config: Mapping[str, Any],
    name: str | None,
    root: str | None,
    options: Mapping[str, Any] | None,
) -> tuple[str, str | None, dict[str, Any]]:
    """Name, root and options of the data set to measure on; what isn't given is as in training."""
    if name is not None:
        return name, root, dict(options or {})
    trained_on = config.get("data")
    if not isinstance(trained_on, Mapping) or not isinstance(trained_on.get("name"), str):
        raise ConfigError(f"{folder} doesn't say what it was trained on: give --data.name")
    known = trained_on.get("options")
    chosen = {**(known if isinstance(known, dict) else {}), **(options or {})}
    return trained_on["name"], trained_on.get("root") if root is None else root, chosen


def _trained_labels(config: Mapping[str, Any], given: str | None) -> dict[str, Any]:
    """Where the labels of the training data were, for the same data set."""
    trained_on = config.get("data")
    if given is not None or not isinstance(trained_on, Mapping):
        return {}
    return {key: trained_on[key] for key in ("label_name", "label_column") if trained_on.get(key) is not None}


def _transform_of(folder: str | os.PathLike[str], config: Mapping[str, Any], num_points: int | None) -> TransformConfig:
    prepared = config.get("preprocessing") or {}
    return TransformConfig(
        num_points=num_points or prepared.get("num_points", 1024),
        normalize=prepared.get("normalize", True),
        up_axis=prepared.get("up_axis", "y"),
        features=adapter_features(folder, config),
    )


def _about(
    config: Mapping[str, Any], dataset: PointCloudDataset, transform: TransformConfig, votes: int
) -> dict[str, Any]:
    return {
        "data": dataset.name,
        "split": dataset.split,
        "num_points": transform.num_points,
        "votes": votes,
        "selected_on": config.get("selected_on"),
    }
