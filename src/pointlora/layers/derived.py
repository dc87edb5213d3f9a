"""Tensors that are made from weights and kept until the weights change: casts, folded normalisations, joined branches.

They live beside the weights, not in a module: no state dict, copy or pickle ever holds them, and they go when the
weight goes. A change is noticed by the weight's version counter, which in-place operations raise (`load_state_dict`,
merging), by its address, which is another after `module.to`, and by a sample of its values, since writing through
`weight.data` raises no counter. Fused optimisers don't raise it either: what is made from a weight that may be trained
isn't kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from pointlora.torch_private import version

Value = TypeVar("Value")

_SAMPLES = 64
_KEPT: Any = WeakTensorKeyDictionary()


def derived(what: str, sources: Sequence[Tensor], make: Callable[[], Value]) -> Value:
    """What `make` returns, kept until one of the sources changes.

    Args:
        what: which of the tensors that are made from these sources.
        sources: all weights and buffers that `make` reads; the value is kept as long as the first one lives.
        make: computes the value, without gradient; it must not refer to the first source itself.
    """
    first = sources[0]
    if any(_may_change_unseen(source) for source in sources):
        with torch.no_grad():
            return make()
    stamps = tuple((source.data_ptr(), version(source)) for source in sources)
    samples = [_sample(source) for source in sources]
    kept = _KEPT.get(first)
    if kept is None:
        kept = _KEPT[first] = {}
    found = kept.get(what)
    if found is None or found[0] != stamps or not all(map(torch.equal, found[1], samples)):
        # Made in inference mode, they couldn't be used in training.
        with torch.inference_mode(False), torch.no_grad():
            found = kept[what] = (stamps, [sample.clone() for sample in samples], make())
    return found[2]  # type: ignore[no-any-return]


def _sample(source: Tensor) -> Tensor:
    """A view of some of its values, spread over the whole."""
    values = source.detach().reshape(-1)
    return values[:: max(len(values) // _SAMPLES, 1)]


def _may_change_unseen(source: Tensor) -> bool:
    return source.requires_grad or source.is_inference() or type(source) not in (Tensor, nn.Parameter)
