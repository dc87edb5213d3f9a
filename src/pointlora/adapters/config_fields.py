"""The fields of `adapter_config.json`: what type each must have before anything is done with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pointlora.checks import check_integer
from pointlora.errors import AdapterError, ConfigError

_REQUIRED: dict[str, type] = {
    "method": dict,
    "base_model": dict,
    "weights_sha256": str,
    "method.kind": str,
    "base_model.name": str,
    "base_model.task": str,
    "base_model.options": dict,
    "base_model.sizes": dict,
    "base_model.fingerprint": str,
}
# These may be absent or null.
_OPTIONAL: dict[str, type] = {
    "method.name": str,
    "base_model.checkpoint": str,
    "parts": dict,
    "selected_on": str,
}
_WORDS: dict[type, str] = {dict: "an object", str: "a text of one line"}
_LONGEST_NAME = 200


def check_fields(config: Mapping[str, Any], path: object) -> None:
    """Require the fields of an adapter's description, each of its type.

    Args:
        config: the content of the file.
        path: of the file, for messages.

    Raises:
        AdapterError: naming the first field that is missing or of another type.
    """
    for name, kind in {**_REQUIRED, **_OPTIONAL}.items():
        value = _find(config, name)
        if value is None and name in _OPTIONAL:
            continue
        if value is None:
            raise AdapterError(f"{path} is damaged: it has no {name.rpartition('.')[2]!r}")
        if not isinstance(value, kind) or (name in _REQUIRED and isinstance(value, str) and not _is_name(value)):
            raise AdapterError(f"{path} is damaged: {name} is {shown(value)}, but it must be {_WORDS[kind]}")
    try:
        check_integer("initial_seed", config.get("initial_seed", 0), 0, 2**63 - 1)
    except ConfigError as error:
        raise AdapterError(f"{path} is damaged: {error}") from error


def shown(value: object) -> str:
    """A value for a message, cut off where it is long."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_name(text: str) -> bool:
    """Whether a text can stand in a message of one line."""
    return text.isprintable() and len(text) <= _LONGEST_NAME


def _find(config: Mapping[str, Any], name: str) -> Any:
    """The value under a dotted name; None where there is none."""
    value: Any = config
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
