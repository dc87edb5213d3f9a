"""`adapter_config.json`: what an adapter is, for us and for peft."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pointlora.adapters.config_fields import check_fields
from pointlora.errors import AdapterError
from pointlora.methods.registration import CUSTOM
from pointlora.methods.settings.base import MethodConfig
from pointlora.methods.table import PRESETS, SPECS, load_entry_points, spec_of
from pointlora.models.backbone import Backbone
from pointlora.models.pretrained import PRETRAINED, recorded_source, settled_source
from pointlora.version import __version__

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
FORMAT = "pointlora-adapter"
FORMAT_VERSION = 1

# Names of classes and parts are the longest things in it.
_MOST_BYTES = 16 * 1024**2


def describe(
    model: Backbone,
    config: MethodConfig,
    class_names: Sequence[str] | None,
    preprocessing: dict[str, Any] | None,
    base_checkpoint: str | None,
) -> dict[str, Any]:
    """The content of the file, still without fingerprint and hash.

    Raises:
        AdapterError: a number of class names that isn't the model's number of classes.
    """
    options = dict(model.options)
    if base_checkpoint in (None, PRETRAINED):
        base_checkpoint = model.package_weights or settled_source(base_checkpoint, str(model.name))
    classes = options.get("num_classes")
    if class_names is not None and classes is not None and len(class_names) != classes:
        raise AdapterError(f"{len(class_names)} class names were given, but the model has {classes} classes")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "pointlora_version": __version__,
        "method": method_to_dict(config),
        "base_model": {
            "name": model.name,
            "task": model.task,
            "options": options,
            "sizes": model.sizes.as_dict(),
            "checkpoint": base_checkpoint,
        },
        "class_names": list(class_names) if class_names is not None else None,
        "preprocessing": preprocessing or {},
        **_fields_of_method(model, base_checkpoint),
    }


def to_json(description: dict[str, Any], extra: dict[str, Any]) -> str:
    """The text of the file; `extra` can't replace a field of its own."""
    clash = sorted(description.keys() & extra.keys())
    if clash:
        raise AdapterError(f"{clash[0]!r} is a field of {CONFIG_FILE} and can't be given as an extra one")
    return json.dumps({**description, **extra}, indent=2, allow_nan=False) + "\n"


def read_adapter_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read and check `adapter_config.json`.

    Raises:
        AdapterError: no such folder or file, not JSON, not ours, or of a newer format.
    """
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise AdapterError(f"{folder} isn't an adapter folder: it has no {CONFIG_FILE}")
    if path.stat().st_size > _MOST_BYTES:
        raise AdapterError(f"{path} is damaged: it has {path.stat().st_size} bytes, the limit is {_MOST_BYTES}")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except PermissionError as error:
        raise AdapterError(f"no permission to read {path}") from error
    except (ValueError, RecursionError) as error:
        raise AdapterError(f"{path} is damaged: it isn't JSON ({error})".replace("\n", " ")) from error
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        raise AdapterError(f"{path} was not written by pointlora (its format isn't {FORMAT!r})")
    if config.get("format_version") != FORMAT_VERSION:
        raise AdapterError(
            f"{path} has format version {config.get('format_version')}: this release reads {FORMAT_VERSION}"
        )
    check_fields(config, path)
    base = config["base_model"]
    base["checkpoint"] = recorded_source(base.get("checkpoint"), base["name"])
    return config


def method_to_dict(config: MethodConfig) -> dict[str, Any]:
    """Settings as plain values, with the kind of method and the preset's name where they are a preset's."""
    kind = spec_of(config).kind
    name = next((name for name, preset in PRESETS.items() if preset.config == config), CUSTOM)
    return {"name": name, "kind": kind, **config.as_dict()}


def method_from_dict(values: dict[str, Any], source: str | os.PathLike[str]) -> MethodConfig:
    """The settings that `method_to_dict` wrote.

    Raises:
        AdapterError: a method that isn't known here, with what to do, or a wrong value.
    """
    settings = {key: value for key, value in values.items() if key not in ("name", "kind")}
    kind = values.get("kind")
    if kind not in SPECS:
        load_entry_points(str(kind))
    if kind not in SPECS:
        raise AdapterError(
            f"{source} needs the tuning method {kind!r}, which isn't known here: name the Python file that registers "
            "it with --plugins (in Python: pointlora.methods.load_plugins), or install the package that brings it"
        )
    try:
        return SPECS[kind].settings(**settings)
    except Exception as error:  # any type of value may stand in the file
        raise AdapterError(f"{source} has wrong settings of its method: {str(error)[:300]}") from error


def _fields_of_method(model: Backbone, base_checkpoint: str | None) -> dict[str, Any]:
    """What the method says to other programs, such as stock peft."""
    fields = model.method.adapter_fields(model)
    return {"base_model_name_or_path": base_checkpoint, **fields} if fields else {}
