"""What a method must be before it is registered. Nothing here imports torch."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from pointlora.errors import ConfigError
from pointlora.methods.settings.base import MethodConfig, MethodSpec

# What an adapter calls settings that are no preset's.
CUSTOM = "custom"
# Keys that an adapter puts beside the settings.
_RESERVED = ("name", "kind")
_LONGEST_NAME = 200


def check_name(name: Any, taken: Collection[str]) -> None:
    """Require a name that adapters and recipes can hold, and that no method of this library has.

    Raises:
        ConfigError: for any other.
    """
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"method name is {name!r}, but it must be a text that isn't empty")
    if name != name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise ConfigError(
            f"method name is {name[:60]!r}, but it must be one line of at most {_LONGEST_NAME} characters, without "
            "spaces around it"
        )
    if name == CUSTOM or name in taken:
        raise ConfigError(f"method name {name!r} is taken by this library: choose another")


def check_method(name: str, method: Any) -> None:
    """Require a class below `Method`, or `module:name` of one, which is imported later.

    Raises:
        ConfigError: for anything else.
    """
    if isinstance(method, str):
        if not re.fullmatch(r"[\w.]+:\w+", method):
            raise ConfigError(f"class of method {name} is {method!r}, but it must be a class or 'module:name' of one")
        return
    # Whoever has a class below `Method` has imported it already.
    base = getattr(sys.modules.get("pointlora.models.method"), "Method", None)
    if not isinstance(method, type) or base is None or not issubclass(method, base):
        raise ConfigError(
            f"class of method {name} is {method!r}, but it must be a class below pointlora.methods.Method"
        )


def check_settings(name: str, settings: Any, others: Iterable[MethodSpec]) -> None:
    """Require a dataclass below `MethodConfig` that belongs to this method alone, and whose fields all have defaults.

    Args:
        name: of the method.
        settings: the class.
        others: the other methods that are registered.

    Raises:
        ConfigError: for anything else.
    """
    if not (isinstance(settings, type) and issubclass(settings, MethodConfig) and is_dataclass(settings)):
        raise ConfigError(f"settings of method {name} is {settings!r}, but it must be a dataclass below MethodConfig")
    if "__dataclass_params__" not in vars(settings):
        raise ConfigError(f"settings of method {name}: {settings.__name__} needs @dataclass(frozen=True) above it")
    owner = next((spec.kind for spec in others if spec.settings is settings), None)
    if owner is not None or settings is MethodConfig:
        raise ConfigError(
            f"settings of method {name}: {settings.__name__} belongs to {owner or 'no method'}, but each method needs "
            f"a settings class of its own: derive one, such as class Own({settings.__name__})"
        )
    for field in fields(settings):
        if field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"settings of method {name}: {field.name} has no default, but it must have one")
        if field.name in _RESERVED:
            raise ConfigError(f"settings of method {name}: {field.name} is a key of adapters: choose another name")
