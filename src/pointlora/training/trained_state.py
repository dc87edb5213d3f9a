"""The part of a model that a run changes, taken out and put back."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from pointlora.adapters.fingerprint import fingerprint
from pointlora.adapters.state import adapter_state, base_state
from pointlora.errors import CheckpointError


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """Copies on the CPU of everything that training changes: trained parameters, and all buffers."""
    return {name: value.to("cpu", copy=True) for name, value in adapter_state(model).items()}


def load_trained_state(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put a `trained_state` back.

    Raises:
        CheckpointError: if it belongs to another model or method.
    """
    own = adapter_state(model)
    for name in sorted(own.keys() ^ state.keys()):
        raise CheckpointError(
            f"the checkpoint belongs to a different model or method: {name} is in only one of the two"
        )
    for name, value in state.items():
        if value.shape != own[name].shape:
            raise CheckpointError(
                f"the checkpoint belongs to a different model: {name} has shape {tuple(value.shape)}, "
                f"not {tuple(own[name].shape)}"
            )
    model.load_state_dict(dict(state), strict=False)


def frozen_fingerprint(model: nn.Module) -> str:
    """A digest of the frozen weights: a run may only be resumed on the weights that it began with."""
    return fingerprint(base_state(model))
