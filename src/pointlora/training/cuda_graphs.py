"""The forward and backward of a training step as CUDA graphs: two launches instead of thousands.

A small network keeps a GPU busy for less time than a processor needs to launch its kernels one by one. A graph is
captured once and replayed on other numbers (torch.cuda.make_graphed_callables). It runs the same kernels, so the
results are those of a step without it; dropout draws from the seed of the step in the replay too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pointlora.torch_private import watching_hooks

Replay = Callable[[Tensor], tuple[Tensor, ...]]


class _Losses(nn.Module):
    """What a training step needs of a classifier's output, as plain tensors."""

    def __init__(self, model: nn.Module, bf16: bool) -> None:
        super().__init__()
        self.model, self.bf16 = model, bf16

    def forward(self, points: Tensor) -> tuple[Tensor, ...]:
        # Without autocast's cache: a cast that it kept from one step would not be part of the graph.
        with torch.autocast(points.device.type, torch.bfloat16, enabled=self.bf16, cache_enabled=False):
            return tuple(self.model(points)[:3])


class GraphedClassifier:
    """Calls a classifier in training, by replaying graphs on a GPU where it can.

    The first batch decides the shape that is captured; batches of other shapes, models that can't be captured (because
    they have hooks, or wait for the device somewhere, for example), and other devices take the ordinary way.

    Args:
        model: points (B, N, 3) to an output whose first three values are the logits and two losses.
        wanted: whether graphs may be used.
        bf16: compute in bfloat16 autocast.
    """

    def __init__(self, model: nn.Module, wanted: bool, bf16: bool) -> None:
        self.model, self.wanted, self.bf16 = model, wanted, bf16
        self.shape: torch.Size | None = None
        self._replay: Replay | None = None

    def __call__(self, points: Tensor) -> tuple[Tensor, ...]:
        """Logits (B, classes), the method's loss, the backbone's second loss."""
        if self.wanted and points.is_cuda and self.shape is None:
            self.shape, self._replay = points.shape, capture(_Losses(self.model, self.bf16), points)
        if self._replay is not None and points.shape == self.shape:
            return self._replay(points)
        return tuple(self.model(points)[:3])


def capture(module: nn.Module, points: Tensor) -> Replay | None:
    """A replay of the module's forward and backward on points of this shape; None where that can't be captured.

    Running statistics and random numbers are those of before: what the trial runs of the capture changed is put back.
    """
    if any(watching_hooks(part) for part in module.modules()):
        _say_without("something was hung on the model, which would run once and not in every step")
        return None
    # The module switches autocast on by itself, without the cache that can't be captured.
    with unchanged(module, points.device), torch.autocast(points.device.type, enabled=False):
        try:
            graphed: Any = torch.cuda.make_graphed_callables(module, (points.clone(),), allow_unused_input=True)
            return graphed  # type: ignore[no-any-return]
        except Exception as error:  # whatever can't be captured runs as it always did
            _say_without(next(iter(str(error).splitlines()), type(error).__name__))
            return None


def _say_without(reason: str) -> None:
    print(f"training without CUDA graphs: {reason}", file=sys.stderr, flush=True)


@contextmanager
def unchanged(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Puts the module's buffers and torch's generator of the device back to what they were."""
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    state: Any = torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
        if device.type == "cuda":
            torch.cuda.set_rng_state(state, device)
        else:
            torch.set_rng_state(state)
