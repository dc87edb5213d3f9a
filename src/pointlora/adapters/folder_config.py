"""`adapter_config.json`: what an adapter is, for us and for peft."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

import pointlora
from pointlora.adapters.config_fields import check_fields
from pointlora.errors import AdapterError, ConfigError
from pointlora.methods.branches import BranchedLinear
from pointlora.methods.settings import PRESETS, MethodConfig, PointLoraConfig, TunedPartsConfig
from pointlora.models.backbone import Backbone

CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
FORMAT = "pointlora-adapter"
FORMAT_VERSION = 1

_KINDS: dict[str, type[MethodConfig]] = {"pointlora": PointLoraConfig, "tuned_parts": TunedPartsConfig}
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
    classes = options.get("num_classes")
    if class_names is not None and classes is not None and len(class_names) != classes:
        raise AdapterError(f"{len(class_names)} class names were given, but the model has {classes} classes")
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "pointlora_version": pointlora.__version__,
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
        **_peft_fields(model, config, base_checkpoint),
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
        raise AdapterError(f"{folder} is no adapter folder: it has no {CONFIG_FILE}")
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
    return config


def method_to_dict(config: MethodConfig) -> dict[str, Any]:
    """Settings as plain values, with the kind of method and the preset's name where they are a preset's."""
    kind = next(kind for kind, cls in _KINDS.items() if isinstance(config, cls))
    name = next((name for name, preset in PRESETS.items() if preset.config == config), "custom")
    return {"name": name, "kind": kind, **config.as_dict()}


def method_from_dict(values: dict[str, Any], source: str | os.PathLike[str]) -> MethodConfig:
    """The settings that `method_to_dict` wrote.

    Raises:
        AdapterError: an unknown kind, name or value.
    """
    settings = {key: value for key, value in values.items() if key not in ("name", "kind")}
    kind = values.get("kind")
    if kind not in _KINDS:
        raise AdapterError(f"{source} was made by an unknown method {kind!r}; known: {', '.join(_KINDS)}")
    try:
        return _KINDS[kind](**settings)
    except (TypeError, ConfigError) as error:
        raise AdapterError(f"{source} has wrong settings of its method: {error}") from error


def _peft_fields(model: nn.Module, config: MethodConfig, base_checkpoint: str | None) -> dict[str, Any]:
    """What stock peft needs to read the LoRA part."""
    if not isinstance(config, PointLoraConfig) or not config.rank:
        return {}
    targets = [n for n, m in model.named_modules() if isinstance(m, BranchedLinear) and "lora" in m.branches]
    return {
        "peft_type": "LORA",
        "task_type": None,
        "base_model_name_or_path": base_checkpoint,
        "inference_mode": True,
        "r": config.rank,
        "lora_alpha": config.rank if config.alpha is None else config.alpha,
        "lora_dropout": config.dropout,
        "use_rslora": config.rslora,
        "bias": "none",
        "target_modules": targets,
    }
