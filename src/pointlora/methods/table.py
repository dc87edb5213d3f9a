"""Which tuning methods there are: those of this library, and those that users register. Nothing here imports torch."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from pointlora.errors import ConfigError, reason
from pointlora.methods.registration import check_method, check_name, check_settings
from pointlora.methods.settings import dapt, idpt, pointgst, pointlora, ppt, stag, tuned_parts, vpt_deep
from pointlora.methods.settings.base import MethodConfig, MethodSpec, Preset, check_kind
from pointlora.names import unknown_name

# A new method of this library is one more module here.
_MODULES = (pointlora, tuned_parts, idpt, dapt, ppt, vpt_deep, stag, pointgst)
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
        settings: its settings, a frozen dataclass below `MethodConfig`, its own, whose fields all have defaults.
        description: one line for `pointlora info`.

    Raises:
        ConfigError: for a name of one of this library's methods, a class that is no method, or settings that aren't
            such a class or belong to another method.
    """
    check_name(name, _TAKEN)
    check_method(name, method)
    check_settings(name, settings, [spec for kind, spec in SPECS.items() if kind != name])
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
        except (Exception, SystemExit) as error:
            raise ConfigError(f"method {point.name} of an installed package fails: {reason(error)}") from error


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
    kinds = {field.name: field.type for field in fields(preset)}
    for key, value in settings.items():
        if key not in kinds:
            raise ConfigError(unknown_name(f"setting of method {name}", key, kinds))
        check_kind(f"{prefix}{key}", value, kinds[key])
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
    """The class that does the method.

    Raises:
        ConfigError: if it is named by its module and can't be imported.
    """
    if isinstance(spec.method, type):
        return spec.method
    module, _, name = spec.method.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:
        raise ConfigError(f"method {spec.kind}: {spec.method} can't be imported: {reason(error)}") from error
    check_method(spec.kind, found)
    return found
