"""The model that an adapter's configuration describes, held against the adapter's and the backbone's files.

A damaged or hostile configuration may name any sizes. So the model is first built without memory, and its shapes must
be those in the files; only then is it worth building.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pointlora.adapters.config_fields import shown
from pointlora.adapters.folder_config import CONFIG_FILE, WEIGHTS_FILE, method_from_dict
from pointlora.adapters.state import adapter_state, base_state, from_file
from pointlora.errors import AdapterError
from pointlora.methods.registry import apply_method
from pointlora.models.backbone import Backbone
from pointlora.models.checkpoints import fit_checkpoint
from pointlora.models.create import create_model
from pointlora.models.parameters import count_parameters
from pointlora.models.weight_files import read_weights

_BLOCK = re.compile(r"\b(?:blocks|h|layers)\.(\d+)\.")
# As in recipes.
_MOST_POINTS = 10**7
# Patches are cut out of the cloud's points: the published recipes cut twice as many points as a cloud has.
_MOST_OVERLAP = 64
# float32 numbers of the largest array that one cloud may need: 1 GiB.
_MOST_NUMBERS = 2**28
# Weights of a backbone that no file vouches for (it was random) may be this many times those of the published sizes.
_MOST_UNSEEN = 2


def check_described_model(
    folder: str | os.PathLike[str], config: Mapping[str, Any], checkpoint: str | os.PathLike[str] | None
) -> None:
    """Hold the sizes of `adapter_config.json` against the shapes in the files; takes next to no memory.

    Args:
        folder: of the adapter.
        config: content of its `adapter_config.json`.
        checkpoint: file with the backbone's weights; None for an adapter on random weights.

    Raises:
        AdapterError: sizes that make no model, or a model whose weights have other shapes than the adapter's file.
        CheckpointError: if the backbone's file can't be read, or is of another model or size.
    """
    folder = Path(folder)
    if checkpoint is None:
        _check_unseen(folder, adapter_model(folder, config))
        return
    backbone, name = read_weights(checkpoint, shapes_only=True)
    _check_depth(folder, config, backbone, name)
    adapter_model(folder, config)
    fit_checkpoint(_plain_model(folder, config), backbone, head=False)


def adapter_model(folder: Path, config: Mapping[str, Any]) -> Backbone:
    """The adapted model on the device `meta`, of the shapes that the adapter's file has: no weights, no memory.

    Raises:
        AdapterError: if the configuration describes no model, or another one than the adapter's file.
    """
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise AdapterError(f"{folder} has no {WEIGHTS_FILE}")
    weights, name = read_weights(path, shapes_only=True)
    _check_depth(folder, config, weights, name)
    model, method = _plain_model(folder, config), method_from_dict(config["method"], folder)
    try:
        with torch.device("meta"):
            apply_method(model, method)
    except Exception as error:
        raise _no_model(folder, error) from error
    _check_shapes(folder, model, weights)
    _check_patches(folder, config, model)
    return model


def _plain_model(folder: Path, config: Mapping[str, Any]) -> Backbone:
    """The described model on the device `meta`, without a method."""
    base = config["base_model"]
    try:
        if base["task"] not in ("classification", "part_segmentation"):
            raise AdapterError(f"its task {shown(base['task'])} isn't one that adapters are trained for")
        with torch.device("meta"):
            model = create_model(base["name"], base["task"], **base["sizes"], **base["options"])
    except Exception as error:  # any type of value may stand in the file, and fail anywhere
        raise _no_model(folder, error) from error
    assert isinstance(model, Backbone)
    return model


def _no_model(folder: Path, error: Exception) -> AdapterError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return AdapterError(f"{folder / CONFIG_FILE} describes no model of this release: {reason}")


def _check_depth(folder: Path, config: Mapping[str, Any], keys: Iterable[str], name: str) -> None:
    """Before anything is built: a thousand blocks take memory even without weights."""
    depth = config["base_model"]["sizes"].get("depth")
    numbers = [int(match[1]) for match in map(_BLOCK.search, keys) if match]
    if numbers and isinstance(depth, int) and depth > 1 + max(numbers):
        raise AdapterError(
            f"{folder / CONFIG_FILE} says depth {shown(depth)}, but {name} holds the weights of {1 + max(numbers)} "
            "blocks"
        )


def _check_shapes(folder: Path, model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    own = adapter_state(model)
    described = {name: tuple(value.shape) for name, value in own.items()}
    found = {name: tuple(value.shape) for name, value in from_file(weights, own).items()}
    for name in [*described, *found]:
        if described.get(name) != found.get(name):
            raise AdapterError(
                f"{folder / CONFIG_FILE} and {WEIGHTS_FILE} hold different adapters: {name} has shape "
                f"{described.get(name, 'none')} in the first and {found.get(name, 'none')} in the second"
            )


def _check_patches(folder: Path, config: Mapping[str, Any], model: Backbone) -> None:
    """No weight has the shape of a grouping: it is held against the number of points that the model is given."""
    points = _num_points(folder, config)
    sizes = model.sizes
    width = max(*sizes.tokenizer_dims, sizes.embed_dim)
    for groups, size in map(tuple, model.scales_cut):
        if not all(isinstance(number, int) and not isinstance(number, bool) for number in (groups, size)):
            raise AdapterError(f"{folder / CONFIG_FILE} says {groups!r} patches of {size!r} points: give whole numbers")
        most = max(groups * size * width, groups * groups * sizes.num_heads)
        if max(groups, size) > points or groups * size > _MOST_OVERLAP * points or most > _MOST_NUMBERS:
            raise AdapterError(
                f"{folder / CONFIG_FILE} says {groups} patches of {size} points (num_groups, group_size), which can't "
                f"be cut from clouds of {points} points within {4 * _MOST_NUMBERS >> 30} GiB"
            )


def _num_points(folder: Path, config: Mapping[str, Any]) -> int:
    prepared = config.get("preprocessing") or {}
    if not isinstance(prepared, Mapping):
        raise AdapterError(f"{folder} has a wrong preprocessing: {shown(prepared)}")
    points = prepared.get("num_points", 1024)
    if not isinstance(points, int) or isinstance(points, bool) or not 1 <= points <= _MOST_POINTS:
        limits = f"at least 1 and at most {_MOST_POINTS:,}, a whole number"
        raise AdapterError(f"{folder} has a wrong preprocessing: num_points must be {limits}, got {shown(points)}")
    return points


def _check_unseen(folder: Path, model: Backbone) -> None:
    unseen = sum(value.numel() for value in base_state(model).values())
    with torch.device("meta"):
        most = _MOST_UNSEEN * count_parameters(create_model(model.name, model.task)).total
    if unseen > most:
        raise AdapterError(
            f"{folder / CONFIG_FILE} describes a random backbone of {unseen:,} weights, more than the {most:,} that "
            f"{model.name} may have where no file holds them"
        )
