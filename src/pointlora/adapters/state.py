"""What of a tuned model belongs to its adapter, and the names that it has there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from pointlora.models.backbone import Backbone
from pointlora.models.method import ADDED_PARTS

# peft wraps a model twice, and keeps A and B as bias-free linear layers.
_PREFIX = "base_model.model."
_LORA = re.compile(r"(.*)\.branches\.lora\.([AB])$")
_MAGNITUDE = ".branches.lora.magnitude"
# Where PiSSA's update starts, which is taken away from it.
_START = re.compile(r"(.*\.branches\.lora\.)start_([AB])$")
_ADDED = re.compile("|".join(ADDED_PARTS))
_PEFT_LORA = re.compile(r"(.*)\.lora_([AB])\.weight$")
_PEFT_MAGNITUDE = ".lora_magnitude_vector"


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """Everything that differs from the backbone's file, by the model's names: trained parameters, those that a method
    added or a task makes anew, trained or not (they may be random), and all buffers.

    Buffers are small, and a BatchNorm's running statistics drift even where its weights are frozen.
    """
    state: dict[str, Tensor] = {}
    anew = {id(parameter) for parameter in model.task_parameters()} if isinstance(model, Backbone) else set()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad or id(parameter) in anew or is_added(name):
            state[name] = parameter.detach()
    state.update((name, buffer.detach()) for name, buffer in model.named_buffers())
    return state


def base_state(model: nn.Module) -> dict[str, Tensor]:
    """The frozen parameters of the backbone, which an adapter relies on and doesn't hold."""
    owned = adapter_state(model)
    return {name: p.detach() for name, p in model.named_parameters() if name not in owned}


def is_added(name: str) -> bool:
    """Whether a parameter was added by a method."""
    return bool(_ADDED.match(name))


def to_file(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An adapter's weights by the model's names -> those of its file.

    PiSSA's update B A - B0 A0 is one product of twice the rank there, which any reader of LoRA understands.
    """
    joined = dict(state)
    for name in state:
        match = _START.match(name)
        if match:
            own, start = match[1] + match[2], joined.pop(name)
            first = match[2] == "A"
            joined[own] = torch.cat([state[own], start if first else -start], 0 if first else 1)
    return {to_file_key(name): value for name, value in joined.items()}


def from_file(weights: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """The weights of an adapter's file by the model's names.

    Args:
        weights: the content of the file.
        names: of the weights of the model's adapter.
    """
    state = {from_file_key(key): value for key, value in weights.items()}
    for name in names:
        match = _START.match(name)
        own = match[1] + match[2] if match else ""
        if match and own in state and state[own].ndim == 2:
            first = match[2] == "A"
            state[own], start = (half.contiguous() for half in state[own].tensor_split(2, 0 if first else 1))
            state[name] = start if first else -start
    return state


def to_file_key(name: str) -> str:
    """The model's name for a weight -> the file's: peft's format for LoRA, peft's prefix for everything."""
    match = _LORA.match(name)
    if name.endswith(_MAGNITUDE):
        name = name.removesuffix(_MAGNITUDE) + _PEFT_MAGNITUDE
    return _PREFIX + (f"{match[1]}.lora_{match[2]}.weight" if match else name)


def from_file_key(key: str) -> str:
    """The file's name for a weight -> the model's."""
    name = key.removeprefix(_PREFIX)
    match = _PEFT_LORA.match(name)
    if name.endswith(_PEFT_MAGNITUDE):
        return name.removesuffix(_PEFT_MAGNITUDE) + _MAGNITUDE
    return f"{match[1]}.branches.lora.{match[2]}" if match else name
