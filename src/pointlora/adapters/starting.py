"""Starting a run from an adapter of one's own: what it learned, without its head."""

from __future__ import annotations

import os
import re
from pathlib import Path

from torch import nn

from pointlora.adapters.fingerprint import fingerprint
from pointlora.adapters.folder import read_adapter_weights
from pointlora.adapters.folder_config import method_from_dict, read_adapter_config
from pointlora.adapters.state import adapter_state, base_state, from_file
from pointlora.errors import AdapterError
from pointlora.methods.registry import applied_config
from pointlora.models.backbone import FEATURE_COLUMNS

_HEAD = re.compile(r"head\.")


def start_from_adapter(model: nn.Module, folder: str | os.PathLike[str]) -> None:
    """Fill a model, in place, with all that an adapter holds but its head, which may be for other classes or parts.

    Columns of features start at zero where the adapter has none.

    Args:
        model: with its backbone's weights and the adapter's method.
        folder: of the adapter, or of a run that has one.

    Raises:
        AdapterError: no adapter, a damaged one, or one of another model, method, features or backbone.
    """
    inside = Path(folder) / "adapter"
    place = inside if inside.is_dir() else Path(folder)
    config = read_adapter_config(place)
    if config["base_model"]["name"] != getattr(model, "name", None):
        raise AdapterError(f"{place} is for {config['base_model']['name']!r}, not {getattr(model, 'name', None)!r}")
    if method_from_dict(config["method"], place) != applied_config(model):
        raise AdapterError(f"{place} was made by another method or other settings than those of this run")
    if fingerprint(base_state(model)) != config["base_model"]["fingerprint"]:
        source = config["base_model"].get("checkpoint") or "unknown"
        raise AdapterError(f"{place} belongs to another backbone (checkpoint: {source}): give it as model.checkpoint")
    own = adapter_state(model)
    held = from_file(read_adapter_weights(place, config), own)
    state = {name: value for name, value in held.items() if not _HEAD.match(name)}
    for name in sorted(own.keys() | state.keys()):
        if _HEAD.match(name) or (name not in state and re.match(FEATURE_COLUMNS, name)):
            continue
        if name not in own or name not in state or own[name].shape != state[name].shape:
            shapes = [tuple(part[name].shape) if name in part else "none" for part in (state, own)]
            raise AdapterError(f"{place} has {name} of shape {shapes[0]}, the model of this run {shapes[1]}")
    model.load_state_dict(state, strict=False)
