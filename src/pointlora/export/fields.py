"""The fields of what an exported file says of itself: which there are, and of what type each must be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pointlora.adapters.config_fields import shown
from pointlora.checks import check_number
from pointlora.errors import ConfigError

FORMAT_VERSION = 1
# Fields of the JSON, by what is done with them here.
_LISTS = ("classes", "inputs", "outputs")
_OBJECTS = ("parts", "features", "density", "quantization")
PLAIN = (
    *("task", "model", "method", "adapter_hash", "protocol", "num_points", "min_points", "normalize", "up_axis"),
    *("preprocess", "density", "mesh_samples", "opset", "pointlora_version"),
)

_LARGEST = 3.4e38
# Names of classes and parts are the longest things in it.
_MOST_CHARACTERS = 16 * 1024**2
_LONGEST_TEXT = 200


def read_fields(text: str) -> dict[str, Any]:
    """The object that a text of JSON holds, with all fields; those that hold others have their types.

    Raises:
        ConfigError: if it is no such object.
    """
    if len(text) > _MOST_CHARACTERS:
        raise ConfigError(f"there are {len(text)} characters, the limit is {_MOST_CHARACTERS}")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"there is no JSON ({' '.join(str(error).split())[:100]})") from error
    if not isinstance(values, dict):
        raise ConfigError(f"there is {shown(values)}, but it must be an object")
    version = values.get("format_version")
    if isinstance(version, bool) or version != FORMAT_VERSION:
        raise ConfigError(f"format_version is {shown(version)}: this release reads {FORMAT_VERSION}")
    missing = [name for name in (*PLAIN, *_LISTS, *_OBJECTS) if name not in values]
    if missing:
        raise ConfigError(f"{missing[0]} is missing")
    for name in _LISTS:
        if not isinstance(values[name], list):
            raise ConfigError(f"{name} is {shown(values[name])}, but it must be a list")
    for name in _OBJECTS:
        if not isinstance(values[name], (dict, type(None))):
            raise ConfigError(f"{name} is {shown(values[name])}, but it must be an object or null")
    return values


def check_text(key: str, value: object) -> None:
    """`value` must be a text of one line that a message can hold."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TEXT or not value.isprintable():
        raise ConfigError(f"{key} is {shown(value)}, but it must be a text of one line")


def check_names(key: str, names: tuple[Any, ...], fewest: int = 1) -> None:
    """`names` must be different texts, at least `fewest`."""
    if not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{key} must be names, not {shown(list(names))}")
    if len(names) < fewest or len(set(names)) < len(names):
        raise ConfigError(f"{key} has {len(names)} names, {len(set(names))} different ones: all must differ")


def check_density(values: Mapping[str, Any]) -> None:
    """`spacing` and `extent` must be pairs of finite numbers."""
    for name in ("spacing", "extent"):
        pair = values.get(name)
        if not isinstance(pair, list) or len(pair) != 2:
            raise ConfigError(f"{name} of density is {shown(pair)}, but it must be [low, high]")
        for value in pair:
            check_number(f"{name} of density", value, 0.0, _LARGEST)
