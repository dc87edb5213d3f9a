"""Checks of single settings, with messages that name the key, the value and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from pointlora.errors import ConfigError
from pointlora.names import unknown_name


def check_choice(key: str, value: object, allowed: Iterable[object]) -> None:
    """`value` must be one of `allowed`."""
    names = list(allowed)
    if value not in names:
        raise ConfigError(unknown_name(key, value, [str(name) for name in names]))


def check_switch(key: str, value: object, *words: str) -> None:
    """`value` must be true, false or one of the words."""
    if not isinstance(value, bool) and value not in words:
        raise ConfigError(unknown_name(key, value, ["false", "true", *words]))


def check_integer(key: str, value: Any, minimum: int, maximum: int | None = None) -> None:
    """`value` must be an integer of at least `minimum` (and at most `maximum`); numpy's integers are some too."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < minimum or (maximum is not None and value > maximum):
        limit = f"of at least {minimum:,}" if maximum is None else f"between {minimum:,} and {maximum:,}"
        raise ConfigError(f"{key} is {_shown(value)}, but it must be an integer {limit}")


def check_number(
    key: str,
    value: Any,
    low: float,
    high: float = float("inf"),
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> None:
    """`value` must be a finite number in [low, high]; `open_low` and `open_high` leave out the ends."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    out = not number or not low <= value <= high or value == float("inf")
    if out or (open_low and value == low) or (open_high and value == high):
        start = f"above {low:g}" if open_low else f"of at least {low:g}"
        end = "" if high == float("inf") else f" and below {high:g}" if open_high else f" and at most {high:g}"
        raise ConfigError(f"{key} is {_shown(value)}, but it must be a number {start}{end}")


def _shown(value: Any) -> str:
    """As in Python's source; a number of numpy like one of Python."""
    return str(value) if isinstance(value, Real) else repr(value)
