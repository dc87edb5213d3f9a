"""The adapter folder: `adapter_config.json` and `adapter_model.safetensors`, a few MB, read safely and checked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import save
from torch import Tensor, nn

from pointlora.adapters.fingerprint import fingerprint
from pointlora.adapters.folder_config import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    describe,
    method_from_dict,
    read_adapter_config,
    to_json,
)
from pointlora.adapters.state import adapter_state, base_state, from_file, to_file
from pointlora.atomic import write_atomically, write_text_atomically
from pointlora.errors import AdapterError
from pointlora.methods.lora import is_merged
from pointlora.methods.registry import applied_config, apply_method
from pointlora.models.backbone import Backbone
from pointlora.models.pretrained import SHA256
from pointlora.models.weight_files import read_weights

Model = TypeVar("Model", bound=nn.Module)


def save_adapter(
    model: nn.Module,
    folder: str | os.PathLike[str],
    class_names: Sequence[str] | None = None,
    preprocessing: dict[str, Any] | None = None,
    base_checkpoint: str | None = None,
    **extra: Any,
) -> Path:
    """Write what training changed into a folder, which is made if it doesn't exist.

    Args:
        model: with a method applied.
        folder: where to; other files in it stay as they are.
        class_names: names of the classes, in the order of the logits.
        preprocessing: how clouds were prepared, for prediction.
        base_checkpoint: where the backbone's weights came from; those that `create_model` took from the package are
            known without it.
        extra: anything else that JSON can hold, such as metrics.

    Returns:
        the folder.

    Raises:
        AdapterError: no method, merged weights, or a wrong number of class names.
        OSError: when the folder can't be written; files that were there are untouched.
    """
    config = applied_config(model)
    if config is None or not isinstance(model, Backbone):
        raise AdapterError("the model has no tuning method: call apply_method before save_adapter")
    if is_merged(model):
        raise AdapterError("LoRA is merged into the weights: call unmerge_lora before save_adapter")
    state = {name: value.cpu().contiguous() for name, value in to_file(adapter_state(model)).items()}
    weights = save(state, metadata={"format": "pt"})
    description = describe(model, config, class_names, preprocessing, base_checkpoint)
    description["base_model"]["fingerprint"] = fingerprint(base_state(model))
    description["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    text = to_json(description, extra)
    write_atomically(folder / WEIGHTS_FILE, lambda file: file.write(weights))
    write_text_atomically(folder / CONFIG_FILE, text)
    return folder


def load_adapter(model: Model, folder: str | os.PathLike[str]) -> Model:
    """Fill a fresh backbone, in place, with a saved adapter; its method is applied if it isn't yet.

    Args:
        model: from `create_model`, of the adapter's model, sizes and classes, with the weights of its backbone.
        folder: written by `save_adapter`.

    Returns:
        the model.

    Raises:
        AdapterError: a missing or damaged file, another model or other sizes, a wrong base, a missing or an extra key.
    """
    folder = Path(folder)
    config = read_adapter_config(folder)
    _check_model(model, config, folder)
    weights = read_adapter_weights(folder, config)
    wanted = method_from_dict(config["method"], folder)
    if applied_config(model) is None:
        apply_method(model, wanted)
    elif applied_config(model) != wanted:
        raise AdapterError(f"{folder} was made with a different method or different settings from the model's")
    state = from_file(weights, adapter_state(model))
    _check_keys(model, state, folder)
    found = fingerprint(base_state(model))
    if found != config["base_model"]["fingerprint"]:
        source = config["base_model"].get("checkpoint") or "unknown"
        raise AdapterError(
            f"{folder} belongs to a different base: the backbone's weights differ from those it was trained on "
            f"(checkpoint: {source}); load that checkpoint first{_hint_at_versions(config)}"
        )
    model.load_state_dict(state, strict=False)
    return model


def _hint_at_versions(config: Mapping[str, Any]) -> str:
    """What to try where the backbone may be an older one of the package."""
    base = config["base_model"]
    versions = SHA256.get(base["name"], {})
    if len(versions) < 2 or base.get("checkpoint") is not None:
        return ""
    named = " or ".join(f"{base['name']}@{number}" for number in sorted(versions))
    return f". If it is one in the package, name its version: create_model(…, pretrained=…) with {named}"


def read_adapter_weights(folder: Path, config: dict[str, Any]) -> dict[str, Tensor]:
    """The weights of an adapter by the names of its file, see `from_file`.

    Raises:
        AdapterError: if they are missing or damaged.
    """
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise AdapterError(f"{folder} has no {WEIGHTS_FILE}")
    if hashlib.sha256(path.read_bytes()).hexdigest() != config["weights_sha256"]:
        raise AdapterError(f"{path} is damaged or was replaced: its SHA-256 is not the one in {CONFIG_FILE}")
    weights, _ = read_weights(path)
    return weights


def _check_model(model: nn.Module, config: dict[str, Any], folder: Path) -> None:
    base = config["base_model"]
    for name in ("name", "task"):
        if getattr(model, name, None) != base[name]:
            raise AdapterError(f"{folder} is for {name} {base[name]!r}, not {getattr(model, name, None)!r}")
    assert isinstance(model, Backbone)
    own = model.sizes.as_dict()
    # What an older version didn't write is as it was then.
    told = {field.name: field.default for field in fields(model.sizes)} | base["sizes"]
    different = [key for key, value in own.items() if key != "drop_path_rate" and told[key] != value]
    different += [key for key, value in dict(model.options).items() if base["options"].get(key) != value]
    for key in different:
        wanted = {**base["sizes"], **base["options"]}.get(key)
        raise AdapterError(f"{folder} is for a model with {key}={wanted}: pass {key}={wanted} to create_model")


def _check_keys(model: nn.Module, state: dict[str, Tensor], folder: Path) -> None:
    own = adapter_state(model)
    missing, extra = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing:
        raise AdapterError(f"{folder / WEIGHTS_FILE} lacks {len(missing)} weights, the first is {missing[0]}")
    if extra:
        raise AdapterError(f"{folder / WEIGHTS_FILE} has {len(extra)} unexpected weights, the first is {extra[0]}")
    for name, value in state.items():
        if value.shape != own[name].shape:
            raise AdapterError(
                f"{folder / WEIGHTS_FILE}: {name} has shape {tuple(value.shape)}, not {tuple(own[name].shape)}"
            )
