"""Putting a tuning method into a model, by name or by settings."""

from __future__ import annotations

from typing import TypeVar

from torch import nn

from pointlora.errors import AdapterError, ConfigError
from pointlora.methods.overrides import check_groups, check_scales, naming
from pointlora.methods.settings.base import MethodConfig
from pointlora.methods.table import get_preset, list_methods, load_class, spec_of
from pointlora.models.backbone import Backbone
from pointlora.models.method import Method

__all__ = ["applied_config", "apply_method", "list_methods"]

Model = TypeVar("Model", bound=nn.Module)


def apply_method(model: Model, method: MethodConfig | str) -> Model:
    """Put a tuning method into a model, in place, and freeze what it doesn't train.

    Load the backbone's weights before or after; the names of its own parameters don't change. DoRA and PiSSA start from
    them: for these load them before. A method that reads other features than the backbone's own makes the head anew:
    load a tuned head after it.

    Args:
        model: from `create_model`, for any task but pre-training.
        method: a name of `list_methods()`, or settings such as `method_config("pointlora", rank=16)`.

    Returns:
        the model.

    Raises:
        ConfigError: unknown name, settings that don't fit the model, or a method that breaks the interface.
        AdapterError: the model has a method already, is quantized, or is no model of this library.
    """
    config = get_preset(method) if isinstance(method, str) else method
    if not isinstance(config, MethodConfig):
        raise ConfigError(
            f"method is {config!r}, but it must be a name, such as 'lora', or settings, such as "
            "method_config('lora', rank=16)"
        )
    if not isinstance(model, Backbone):
        raise AdapterError(f"a method can be applied to a model of create_model, not to a {type(model).__name__}")
    if applied_config(model) is not None:
        raise AdapterError("the model has a tuning method already: create a fresh one")
    _refuse_quantized(model)
    kind = load_class(spec_of(config))
    with naming(kind, "__init__"):
        made: Method = kind(config, model)
    if getattr(made, "config", None) is not config:
        raise ConfigError(f"{kind.__name__}.__init__: it must call super().__init__(config, model)")
    with naming(kind, "attach"):
        made.attach(model)
    if model.further_scales and made.changes_sequence:
        raise ConfigError(
            f"model.scales is {1 + len(model.further_scales)}, but method {spec_of(config).kind} changes the tokens of "
            "the backbone's own scale alone: set it to 1"
        )
    model.method = made
    with naming(kind, "scales"):
        check_scales(made.scales)
    with naming(kind, "parameter_groups"):
        trained = check_groups(made.parameter_groups(model), model)
    if not trained:
        raise AdapterError(f"{kind.__name__} names no parameter of the model: nothing would be trained")
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in trained)
    model.train(model.training)
    return model


def _refuse_quantized(model: nn.Module) -> None:
    """A quantized layer has no weights that could be trained: they would be left out without a word."""
    for name, module in model.named_modules():
        integers = any(not parameter.is_floating_point() for parameter in module.parameters(recurse=False))
        if ".quantized." in f"{type(module).__module__}." or integers:
            raise AdapterError(
                f"{name or 'the model'} is a {type(module).__name__} of {type(module).__module__}, whose weights can't "
                "be trained: apply the method first, then quantize"
            )


def applied_config(model: nn.Module) -> MethodConfig | None:
    """The settings of the method in a model, or None."""
    config: MethodConfig | None = getattr(getattr(model, "method", None), "config", None)
    return config
