"""Which tuning methods there are: those of this library, and those that users register. Nothing here imports torch."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any

from pointlora.errors import ConfigError
from pointlora.methods.settings import dapt, idpt, pointlora, ppt, tuned_parts
from pointlora.methods.settings.base import MethodConfig, MethodSpec, Preset
from pointlora.names import unknown_name

# A new method of this library is one more module here.
_MODULES = (pointlora, tuned_parts, idpt, dapt, ppt)
_OWN: tuple[MethodSpec, ...] = tuple(module.SPEC for module in _MODULES)

# kind -> what is known of it
SPECS: dict[str, MethodSpec] = {spec.kind: spec for spec in _OWN}
# name -> settings and description
PRESETS: dict[str, Preset] = {name: preset for spec in _OWN for name, preset in spec.presets.items()}
_TAKEN = {*SPECS, *PRESETS}

# Packages name their methods in this group of entry points: the method's name, and the module that registers it.
ENTRY_POINTS = "pointlora.methods"


def register(name: str, method: str | type, settings: type[MethodConfig], description: str = "") -> None:
    """Add a tuning method under a name; a method that was registered under the same name before is replaced.

    Args:
        name: what `apply_method`, recipes, adapters and the command line call it.
        method: a subclass of `pointlora.models.method.Method`, or `module:name` of one, imported when a model gets it.
        settings: its settings, a frozen dataclass below `MethodConfig` whose fields all have defaults.
        description: one line for `pointlora info`.

    Raises:
        ConfigError: for a name of one of this library's methods, or settings that aren't such a class.
    """
    if not isinstance(name, str) or not name or name in _TAKEN:
        raise ConfigError(f"method name {name!r} is taken by this library: choose another")
    if not (isinstance(settings, type) and issubclass(settings, MethodConfig) and is_dataclass(settings)):
        raise ConfigError(f"settings of method {name} is {settings!r}, but it must be a dataclass below MethodConfig")
    for field in fields(settings):
        if field.default is MISSING and field.default_factory is MISSING:
            raise ConfigError(f"settings of method {name}: {field.name} has no default, but it must have one")
    spec = MethodSpec(name, settings, method, {name: Preset(settings(), description)})
    SPECS[name], PRESETS[name] = spec, spec.presets[name]


def load_entry_points(name: str | None = None) -> None:
    """Import what installed packages register: the method of that name, or all.

    Raises:
        ConfigError: if one can't be imported.
    """
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS) if name is None else entry_points(group=ENTRY_POINTS, name=name):
        try:
            point.load()
        except Exception as error:
            raise ConfigError(f"method {point.name} of an installed package fails: {_reason(error)}") from error


def list_methods() -> list[str]:
    """Names that `apply_method` knows, sorted; those of installed packages too."""
    load_entry_points()
    return sorted(PRESETS)


def get_preset(name: str, called: str = "method") -> MethodConfig:
    """The settings of a named method.

    Args:
        name: the name.
        called: what the message calls the name.

    Raises:
        ConfigError: for an unknown name, with the nearest right one.
    """
    if name not in PRESETS:
        load_entry_points(str(name))
    if name not in PRESETS:
        raise ConfigError(unknown_name(called, name, PRESETS) + "; or register it: see `plugins`")
    return PRESETS[name].config


def method_config(name: str, /, **settings: Any) -> MethodConfig:
    """Settings of a method: those of its name, and what differs from them.

    Args:
        name: one of `list_methods()`.
        settings: such as rank=10.

    Raises:
        ConfigError: for an unknown name or setting, or a value that makes no sense.
    """
    return configure(name, settings)


def configure(name: str, settings: Mapping[str, Any], called: str = "method", prefix: str = "") -> MethodConfig:
    """`method_config`, with messages that put a prefix before a setting and call the name as is said."""
    preset = get_preset(name, called)
    kinds = {field.name: getattr(field.type, "__name__", str(field.type)) for field in fields(preset)}
    for key, value in settings.items():
        if key not in kinds:
            raise ConfigError(unknown_name(f"setting of method {name}", key, kinds))
        _check_kind(f"{prefix}{key}", value, kinds[key])
    try:
        return replace(preset, **settings)
    except ConfigError as error:
        raise ConfigError(f"{prefix}{error}") from error
    except TypeError as error:
        raise ConfigError(f"method {dict(settings)} has a value of a wrong type: {error}") from error


def spec_of(config: MethodConfig) -> MethodSpec:
    """What is known of the method with these settings.

    Raises:
        ConfigError: if it isn't registered.
    """
    for spec in SPECS.values():
        if type(config) is spec.settings:
            return spec
    raise ConfigError(f"settings {type(config).__name__} belong to no method: call pointlora.methods.register first")


def load_class(spec: MethodSpec) -> Any:
    """The class that does the method."""
    if isinstance(spec.method, type):
        return spec.method
    module, _, name = spec.method.partition(":")
    return getattr(importlib.import_module(module), name)


def _check_kind(key: str, value: Any, kind: str) -> None:
    """A setting must be of the type that its field says; whether its value makes sense, the settings check."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if kind == "int" and not (number and isinstance(value, int)):
        raise ConfigError(f"{key} is {value!r}, but it must be an integer")
    if kind == "float" and not number:
        raise ConfigError(f"{key} is {value!r}, but it must be a number")
    if kind in ("bool", "str") and type(value).__name__ != kind:
        raise ConfigError(f"{key} is {value!r}, but it must be {'true or false' if kind == 'bool' else 'a name'}")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
