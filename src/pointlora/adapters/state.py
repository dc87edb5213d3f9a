"""What of a tuned model belongs to its adapter, and the names that it has there."""

from __future__ import annotations

import re

from torch import Tensor, nn

# peft wraps a model twice, and keeps A and B as bias-free linear layers.
_PREFIX = "base_model.model."
_LORA = re.compile(r"(.*)\.branches\.lora\.([AB])$")
_PEFT_LORA = re.compile(r"(.*)\.lora_([AB])\.weight$")


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """Everything that training changed, by the model's names: trained parameters, added ones, and all buffers.

    Buffers are small, and a BatchNorm's running statistics drift even where its weights are frozen.
    """
    state: dict[str, Tensor] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad or is_added(name):
            state[name] = parameter.detach()
    state.update((name, buffer.detach()) for name, buffer in model.named_buffers())
    return state


def base_state(model: nn.Module) -> dict[str, Tensor]:
    """The frozen parameters of the backbone, which an adapter relies on and doesn't hold."""
    owned = adapter_state(model)
    return {name: p.detach() for name, p in model.named_parameters() if name not in owned}


def is_added(name: str) -> bool:
    """Whether a parameter was added by a method."""
    return name.startswith("method.") or ".branches." in name


def to_file_key(name: str) -> str:
    """The model's name for a weight -> the file's: peft's format for LoRA, peft's prefix for everything."""
    match = _LORA.match(name)
    return _PREFIX + (f"{match[1]}.lora_{match[2]}.weight" if match else name)


def from_file_key(key: str) -> str:
    """The file's name for a weight -> the model's."""
    name = key.removeprefix(_PREFIX)
    match = _PEFT_LORA.match(name)
    return f"{match[1]}.branches.lora.{match[2]}" if match else name
