"""What a method's overrides must return, checked once, when the method is put into a model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn

from pointlora.errors import ConfigError, PointLoraError, reason
from pointlora.models.method import Method, ParameterGroup


@contextmanager
def naming(method: type[Method], override: str) -> Iterator[None]:
    """Whatever fails within is said in one line, which names the method's class and the override.

    Methods of this library keep their messages, which are about the user's settings or model.
    """
    try:
        yield
    except Exception as error:
        if method.__module__.startswith("pointlora."):
            raise
        kind = type(error) if isinstance(error, PointLoraError) else ConfigError
        raise kind(f"{method.__name__}.{override}: {reason(error)}") from error


def check_scales(scales: Any) -> None:
    """Require pairs of a number of patches and a number of points.

    Raises:
        ConfigError: for anything else.
    """
    listed = isinstance(scales, (list, tuple))
    if not listed or not all(isinstance(scale, tuple) and len(scale) == 2 for scale in scales):
        raise ConfigError(f"it is {scales!r}, but it must be a list of Scale(num_groups, group_size)")


def check_groups(groups: Any, model: nn.Module) -> set[int]:
    """The `id` of every parameter that is trained.

    Raises:
        ConfigError: for anything but a list of `ParameterGroup`, a parameter that isn't the model's, or one with two
            learning rates.
    """
    if not isinstance(groups, Sequence) or isinstance(groups, ParameterGroup):
        raise ConfigError(f"it returned a {type(groups).__name__}, but it must return a list of ParameterGroup")
    owned, factors = {id(parameter) for parameter in model.parameters()}, dict[int, float]()
    for group in groups:
        if not isinstance(group, ParameterGroup):
            raise ConfigError(f"it returned a list with a {type(group).__name__}, but each must be a ParameterGroup")
        factor: Any = group.lr_factor
        if not isinstance(factor, (int, float)) or isinstance(factor, bool) or not 0 < factor < math.inf:
            raise ConfigError(f"lr_factor is {factor!r}, but it must be a number above 0")
        for parameter in group.parameters:
            if id(parameter) not in owned:
                raise ConfigError(
                    f"a ParameterGroup holds {_shown(parameter)}, but each must be a parameter of the model: assign it "
                    "to an attribute of the method or of a branch"
                )
            if factors.setdefault(id(parameter), factor) != factor:
                raise ConfigError(
                    f"{_shown(parameter)} is in groups with lr_factor {factors[id(parameter)]} and {factor}"
                )
    return set(factors)


def _shown(parameter: Any) -> str:
    shape = tuple(getattr(parameter, "shape", ()))
    return f"a {type(parameter).__name__} of shape {shape}" if shape else f"a {type(parameter).__name__}"
