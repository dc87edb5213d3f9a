"""Which parameters a method trains, and the methods that add nothing and only choose among them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from torch import nn

from pointlora.errors import AdapterError
from pointlora.methods.settings import MethodConfig, TunedPartsConfig
from pointlora.models.backbone import Backbone
from pointlora.models.method import Method


class TunedMethod(Method):
    """A method that remembers its settings and may keep the tokenizer's statistics frozen.

    Attributes:
        config: the settings that it was made from.
    """

    def __init__(self, config: MethodConfig) -> None:
        super().__init__()
        self.config = config
        self.freezes_statistics = config.tokenizer_batchnorm == "frozen"


def train_only(model: nn.Module, patterns: Iterable[str], except_for: Iterable[str] = ()) -> None:
    """Freeze every parameter whose name doesn't begin with one of the patterns, and train the others.

    Gates of prompt branches stay frozen whatever the patterns say, and so does what begins with one of `except_for`.

    Raises:
        AdapterError: when nothing would be trained.
    """
    trained = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    frozen = re.compile("|".join((r".*\.gate$", *except_for)))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(bool(trained.match(name)) and not frozen.match(name))
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise AdapterError(f"no parameter of the model matches {trained.pattern}: nothing would be trained")


def apply_tuned_parts(model: Backbone, config: TunedPartsConfig) -> None:
    """Train the head, the biases and the head, or everything."""
    model.method = TunedMethod(config)
    extra = {"all": (".*",), "head": (), "biases": (r".*\.bias$",)}[config.parts]
    train_only(model, (*model.task_parts, *extra))
