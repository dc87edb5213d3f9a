"""The `method` of a recipe: a method's name and the settings that differ from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pointlora.errors import ConfigError
from pointlora.methods.settings.base import MethodConfig
from pointlora.methods.table import configure


def method_config(method: Mapping[str, Any]) -> MethodConfig:
    """The settings that a recipe's `method` stands for.

    Args:
        method: {name: one of the methods, other settings that override its own}.

    Raises:
        ConfigError: for an unknown name or setting, or a value that makes no sense.
    """
    name = method.get("name") if isinstance(method, Mapping) else None
    if not isinstance(name, str):
        raise ConfigError(f"method is {method!r}, but it must be a mapping with a name, such as {{name: pointlora}}")
    settings = {key: value for key, value in method.items() if key != "name"}
    return configure(name, settings, "method.name", "method.")


def resolve_method(method: Mapping[str, Any]) -> dict[str, Any]:
    """`method` with all of its settings written out, as plain values."""
    config = method_config(method)
    return {"name": method["name"], **_plain(config.as_dict())}


def _plain(value: Any) -> Any:
    """Tuples as lists, as YAML and JSON have them."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value
