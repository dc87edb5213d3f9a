"""The `method` of a recipe: a preset's name and the settings that differ from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from pointlora.checks import check_integer, check_number
from pointlora.errors import ConfigError
from pointlora.methods.settings import PRESETS, MethodConfig
from pointlora.names import unknown_name


def method_config(method: Mapping[str, Any]) -> MethodConfig:
    """The settings that a recipe's `method` stands for.

    Args:
        method: {name: one of the presets, other settings that override the preset's}.

    Raises:
        ConfigError: for an unknown name or setting, or a value that makes no sense.
    """
    name = method.get("name") if isinstance(method, Mapping) else None
    if not isinstance(name, str):
        raise ConfigError(f"method is {method!r}, but it must be a mapping with a name, such as {{name: pointlora}}")
    if name not in PRESETS:
        raise ConfigError(unknown_name("method.name", name, PRESETS))
    preset = PRESETS[name].config
    kinds = {field.name: str(field.type) for field in fields(preset)}
    changes = {key: value for key, value in method.items() if key != "name"}
    for key, value in changes.items():
        if key not in kinds:
            raise ConfigError(unknown_name(f"setting of method {name}", key, kinds))
        _check_kind(f"method.{key}", value, kinds[key])
    try:
        return replace(preset, **changes)
    except ConfigError as error:
        raise ConfigError(f"method.{error}") from error
    except TypeError as error:
        raise ConfigError(f"method {changes} has a value of a wrong type: {error}") from error


def mask_loss_weight(method: Mapping[str, Any]) -> float:
    """Weight of the method's own loss in the training loss; 0 for methods that have none."""
    return float(getattr(method_config(method), "mask_loss_weight", 0.0))


def resolve_method(method: Mapping[str, Any]) -> dict[str, Any]:
    """`method` with all of its settings written out, as plain values."""
    config = method_config(method)
    return {"name": method["name"], **_plain(config.as_dict())}


def _check_kind(key: str, value: Any, kind: str) -> None:
    if kind == "int":
        check_integer(key, value, 0)
    elif kind == "float":
        check_number(key, value, 0)
    elif kind in ("bool", "str") and type(value).__name__ != kind:
        raise ConfigError(f"{key} is {value!r}, but it must be {'true or false' if kind == 'bool' else 'a name'}")


def _plain(value: Any) -> Any:
    """Tuples as lists, as YAML and JSON have them."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value
