"""What the settings of all methods share. Nothing in this folder imports torch: the command line shows them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pointlora.errors import ConfigError

BATCH_NORMS = ("batch", "frozen")
READOUTS = ("published", "levels")


@dataclass(frozen=True)
class MethodConfig:
    """Settings of a tuning method: a frozen dataclass below this one, whose fields all have defaults."""

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


def check_batchnorm(value: object) -> None:
    """Require a mode of the tokenizer's BatchNorm: `batch` normalises with the batch's statistics in training and lets
    the running ones drift, as the releases do; `frozen` always uses the pre-trained ones.

    Raises:
        ConfigError: for any other.
    """
    check(value in BATCH_NORMS, "tokenizer_batchnorm", value, f"one of {', '.join(BATCH_NORMS)}")
