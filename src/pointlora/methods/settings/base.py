"""What the settings of all methods share. Nothing in this folder imports torch: the command line shows them at once."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pointlora.errors import ConfigError

BATCH_NORMS = ("batch", "frozen")
READOUTS = ("published", "levels", "scales", "paired")
_WORDS = {"int": "an integer", "float": "a number", "bool": "true or false", "str": "a name"}


@dataclass(frozen=True)
class MethodConfig:
    """Settings of a tuning method: a frozen dataclass below this one, whose fields all have defaults.

    Fields of the types int, float, bool and str, with or without None, are checked, and so is `tokenizer_batchnorm`. A
    class that has more to check does so in a `__post_init__`, after `super().__post_init__()`.
    """

    def __post_init__(self) -> None:
        for each in fields(self):
            check_kind(each.name, getattr(self, each.name), each.type)
        if hasattr(self, "tokenizer_batchnorm"):
            check_batchnorm(self.tokenizer_batchnorm)

    @property
    def head_init(self) -> str:
        """How the head starts where the model doesn't say: `random` or `probe`."""
        return "random"

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Preset:
    """A named method: its settings and what it is, in one line."""

    config: MethodConfig
    description: str = field(compare=False)


@dataclass(frozen=True)
class MethodSpec:
    """What is known of a kind of method before torch is loaded.

    Attributes:
        kind: its name in adapter folders.
        settings: the class of its settings.
        method: the class of `pointlora.models.method.Method` that does it, or `module:name` of it, which is imported
            when a model gets it.
        presets: name -> settings and description; what `apply_method`, recipes and the command line know.
        title: what `pointlora info` calls it; by default the kind.
        keys: pattern that is found only in keys of whole checkpoints of this method, published and our own, or None.
    """

    kind: str
    settings: type[MethodConfig]
    method: str | type
    presets: Mapping[str, Preset]
    title: str | None = None
    keys: str | None = None


def check(holds: bool, name: str, value: object, allowed: str) -> None:
    """Require that a setting holds.

    Raises:
        ConfigError: with the setting's name, its value and what is allowed.
    """
    if not holds:
        raise ConfigError(f"{name} is {value!r}, but it must be {allowed}")


def check_names(name: str, value: Any) -> tuple[str, ...]:
    """Require a list of names; returns it as a tuple.

    Raises:
        ConfigError: for anything else, such as one name alone.
    """
    check(not isinstance(value, str), name, value, f"a list, such as [{value}]")
    listed = isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value)
    check(listed, name, value, "a list of names")
    return tuple(value)


def check_batchnorm(value: object) -> None:
    """Require a mode of the tokenizer's BatchNorm: `batch` normalises with the batch's statistics in training and lets
    the running ones drift, as the releases do; `frozen` always uses the pre-trained ones.

    Raises:
        ConfigError: for any other.
    """
    check(value in BATCH_NORMS, "tokenizer_batchnorm", value, f"one of {', '.join(BATCH_NORMS)}")


def check_kind(name: str, value: Any, kind: Any) -> None:
    """Require a setting of the type that its field says; whether the value makes sense, its class checks.

    Args:
        name: of the setting.
        value: its value.
        kind: the field's type, as `from __future__ import annotations` leaves it or evaluated; one that isn't made of
            int, float, bool, str and None is not looked at.

    Raises:
        ConfigError: for a value of another type.
    """
    text = getattr(kind, "__name__", str(kind)) if isinstance(kind, type) else str(kind)
    kinds = re.sub(r"^(?:typing\.)?Optional\[(.*)\]$", r"\1 | None", text).replace(" ", "").split("|")
    if not {*kinds} <= {*_WORDS, "None"} or (value is None and "None" in kinds):
        return
    named = [each for each in kinds if each != "None"]
    check(any(_is_kind(value, each) for each in named), name, value, " or ".join(_WORDS[each] for each in named))


def _is_kind(value: Any, kind: str) -> bool:
    if kind == "float":
        return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf
    return type(value).__name__ == kind
