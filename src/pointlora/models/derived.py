"""Tensors that are made from weights and kept until the weights change: casts, folded normalisations, joined branches.

They live beside the weights, not in a module: no state dict, copy or pickle ever holds them, and they go when the weight
goes. A change is noticed by the weight's version counter, which every in-place operation raises (an optimiser's step,
`load_state_dict`, merging), and by its address, which is another after `module.to`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

Value = TypeVar("Value")

_KEPT: Any = WeakTensorKeyDictionary()


def derived(what: str, sources: Sequence[Tensor], make: Callable[[], Value]) -> Value:
    """What `make` returns, kept until one of the sources changes.

    Args:
        what: which of the tensors that are made from these sources.
        sources: all weights and buffers that `make` reads; the value is kept as long as the first one lives.
        make: computes the value, without gradient; it must not refer to the first source itself.
    """
    first = sources[0]
    if any(type(source) not in (Tensor, nn.Parameter) or source.is_inference() for source in sources):
        with torch.no_grad():  # such tensors don't say when they change
            return make()
    stamps = tuple((source.data_ptr(), source._version) for source in sources)
    kept = _KEPT.get(first)
    if kept is None:
        kept = _KEPT[first] = {}
    found = kept.get(what)
    if found is None or found[0] != stamps:
        # Made in inference mode, they couldn't be used in training.
        with torch.inference_mode(False), torch.no_grad():
            found = kept[what] = (stamps, make())
    return found[1]  # type: ignore[no-any-return]
