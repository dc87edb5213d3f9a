"""Putting a tuning method into a model, by name or by settings."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from pointlora.errors import AdapterError
from pointlora.methods.settings.base import MethodConfig
from pointlora.methods.table import get_preset, list_methods, load_class, spec_of
from pointlora.models.backbone import Backbone
from pointlora.models.method import Method

__all__ = ["applied_config", "apply_method", "list_methods"]

Model = TypeVar("Model", bound=nn.Module)


def apply_method(model: Model, method: MethodConfig | str) -> Model:
    """Put a tuning method into a model, in place, and freeze what it doesn't train.

    Load the backbone's weights before or after; the names of its own parameters don't change. A method that reads other
    features than the backbone's own makes the head anew: load a tuned head after it.

    Args:
        model: from `create_model`, for any task but pre-training.
        method: a name of `list_methods()`, or settings such as `method_config("pointlora", rank=16)`.

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
    made: Method = load_class(spec_of(config))(config, model)
    made.attach(model)
    model.method = made
    _train_only(model, made)
    model.train(model.training)
    return model


def _train_only(model: Backbone, method: Method) -> None:
    """Train what the method says, and freeze everything else.

    Raises:
        AdapterError: when nothing would be trained.
    """
    trained = {id(parameter) for group in method.parameter_groups(model) for parameter in group.parameters}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in trained)
    if not trained:
        raise AdapterError(f"{type(method).__name__} names no parameter of the model: nothing would be trained")


def applied_config(model: nn.Module) -> MethodConfig | None:
    """The settings of the method in a model, or None."""
    config: MethodConfig | None = getattr(getattr(model, "method", None), "config", None)
    return config
