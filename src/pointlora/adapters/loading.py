"""An adapter folder as a model: its backbone, the backbone's weights, and the adapter on top."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from pointlora.adapters.described_model import check_described_model
from pointlora.adapters.folder import load_adapter
from pointlora.adapters.folder_config import read_adapter_config
from pointlora.data.features import FeatureScaling
from pointlora.data.parts.space import PartSpace
from pointlora.errors import AdapterError, CheckpointError, ConfigError
from pointlora.models.checkpoints import load_checkpoint
from pointlora.models.create import create_model
from pointlora.models.pretrained import locate_weights, version_named
from pointlora.randomness import isolated_randomness


def load_adapted_model(
    folder: str | os.PathLike[str], base: str | os.PathLike[str] | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    """An adapter on its backbone, in evaluation mode.

    Args:
        folder: written by `save_adapter` or `pointlora train`.
        base: file with the backbone's weights; by default the one that the adapter names.

    Returns:
        the model, and the content of the adapter's `adapter_config.json`: `class_names`, `preprocessing` with
        `num_points`, `normalize` and `up_axis`, and so on.

    Raises:
        AdapterError: if the adapter is damaged, or the backbone is missing or another one.
        CheckpointError: if the backbone's file can't be read.
    """
    config = read_adapter_config(folder)
    described = config["base_model"]
    checkpoint = find_base(folder, config, base)
    if checkpoint is None and "initial_seed" not in config:
        raise AdapterError(f"{folder} doesn't say where its backbone's weights are: give their file with --base")
    check_described_model(folder, config, checkpoint)
    model = initial_model(
        config.get("initial_seed", 0),
        described["name"],
        described["task"],
        **described["sizes"],
        **described["options"],
    )
    if checkpoint is not None:
        load_checkpoint(model, checkpoint, head=False)
    return load_adapter(model, folder).eval(), config


def adapter_classes(folder: str | os.PathLike[str], config: dict[str, Any]) -> tuple[str, ...]:
    """Names of the classes, in the order of the logits.

    Args:
        folder: of the adapter, for messages.
        config: content of its `adapter_config.json`.

    Raises:
        AdapterError: if there aren't as many as the model has, or if they aren't different names.
    """
    count = config["base_model"]["options"].get("num_classes", 40)
    names = config.get("class_names") or [f"class {number}" for number in range(count)]
    if not isinstance(names, list) or len(names) != count:
        raise AdapterError(f"{folder} is damaged: its class_names are not the names of {count} classes")
    if not all(isinstance(name, str) for name in names) or len(set(names)) < count:
        raise AdapterError(f"{folder} is damaged: its class_names must be {count} different names")
    return tuple(names)


def adapter_parts(folder: str | os.PathLike[str], config: dict[str, Any]) -> PartSpace:
    """Parts and categories that an adapter for part segmentation tells apart.

    Args:
        folder: of the adapter, for messages.
        config: content of its `adapter_config.json`.

    Raises:
        AdapterError: if it is for another task, or doesn't say.
    """
    task = config["base_model"]["task"]
    if task != "part_segmentation":
        raise AdapterError(f"{folder} is for {task}, not for part_segmentation")
    try:
        space = PartSpace.from_dict(config["parts"])
    except (KeyError, ConfigError) as error:
        raise AdapterError(f"{folder} doesn't say which parts it tells apart ({error})") from error
    options = config["base_model"]["options"]
    if (space.num_parts, space.num_categories) != (options.get("num_parts"), options.get("num_categories")):
        raise AdapterError(f"{folder} is damaged: it names {space.num_parts} parts; its model has a different number")
    return space


def adapter_features(folder: str | os.PathLike[str], config: Mapping[str, Any]) -> FeatureScaling | None:
    """The scales of the features that an adapter's clouds have; None for x, y, z alone.

    Raises:
        AdapterError: if they make no sense, or aren't as many as the model takes.
    """
    prepared = config.get("preprocessing") or {}
    if not isinstance(prepared, Mapping):
        raise AdapterError(f"{folder} has a wrong preprocessing: it is no object")
    values = prepared.get("features")
    count = config["base_model"]["sizes"].get("num_features", 0)
    try:
        features = None if values is None else FeatureScaling.from_dict(values)
    except (TypeError, ConfigError) as error:
        raise AdapterError(f"{folder} has a wrong preprocessing: {str(error)[:200]}") from error
    if (0 if features is None else len(features.names)) != count:
        raise AdapterError(f"{folder} is damaged: its model takes {count} features, and it names others")
    return features


def find_base(
    folder: str | os.PathLike[str], config: dict[str, Any], base: str | os.PathLike[str] | None
) -> str | os.PathLike[str] | None:
    """Where the backbone's weights of an adapter are: `base`, or what the adapter names, seen from here or from it.

    Both may be a version of the weights in the package.

    Returns:
        a path, or None for an adapter that was trained on random weights (or doesn't say on which).

    Raises:
        CheckpointError: if there is no such file.
    """
    model = config["base_model"]["name"]
    if base is not None:
        if version_named(base) is not None:
            return locate_weights(base, model)
        if not Path(base).exists():
            raise CheckpointError(f"no such weight file: {base}")
        return base
    named = config["base_model"].get("checkpoint")
    if named is None:
        return None
    if version_named(named) is not None:
        return locate_weights(named, model)
    try:
        for place in (Path(named), Path(folder) / named):
            if place.exists():
                return place
    except (OSError, ValueError):
        pass  # too long for a path, or with a zero byte in it
    shown = named if len(named) <= 200 and named.isprintable() else ascii(named)[:200]
    raise CheckpointError(f"{shown}, the backbone of {folder}, does not exist; give its place with --base")


def initial_model(seed: int, name: str, task: str, **options: Any) -> nn.Module:
    """A model whose random weights are a function of the seed: an adapter trained on them can find them again."""
    with isolated_randomness("weights", seed):
        return create_model(name, task, **options)
