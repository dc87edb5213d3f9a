"""Tuning methods by name or by settings."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from pointlora.errors import AdapterError, ConfigError
from pointlora.methods.pointlora import apply_pointlora
from pointlora.methods.settings import PRESETS, MethodConfig, PointLoraConfig
from pointlora.methods.tuned_parts import TunedMethod, apply_tuned_parts
from pointlora.models.backbone import Backbone
from pointlora.names import unknown_name

Model = TypeVar("Model", bound=nn.Module)


def list_methods() -> list[str]:
    """Names that `apply_method` knows, sorted."""
    return sorted(PRESETS)


def get_preset(name: str) -> MethodConfig:
    """The settings of a named method.

    Raises:
        ConfigError: for an unknown name, with the nearest right one.
    """
    if name not in PRESETS:
        raise ConfigError(unknown_name("method", name, list_methods()))
    return PRESETS[name].config


def apply_method(model: Model, method: MethodConfig | str) -> Model:
    """Put a tuning method into a model, in place, and freeze what it doesn't train.

    Load the backbone's weights before or after; the names of its own parameters don't change.

    Args:
        model: from `create_model`, for any task but pre-training.
        method: a name of `list_methods()`, or settings such as `PointLoraConfig(rank=16)`.

    Returns:
        the model.

    Raises:
        ConfigError: unknown name, or settings that don't fit the model.
        AdapterError: the model has a method already, or is no model of this library.
    """
    config = get_preset(method) if isinstance(method, str) else method
    if not isinstance(model, Backbone):
        raise AdapterError(f"a method can be applied to a model of create_model, not to a {type(model).__name__}")
    if applied_config(model) is not None:
        raise AdapterError("the model has a tuning method already: create a fresh one")
    if isinstance(config, PointLoraConfig):
        apply_pointlora(model, config)
    else:
        apply_tuned_parts(model, config)
    model.train(model.training)
    return model


def applied_config(model: nn.Module) -> MethodConfig | None:
    """The settings of the method in a model, or None."""
    method = getattr(model, "method", None)
    return method.config if isinstance(method, TunedMethod) else None
