"""How torch computes float32 on a GPU: exactly, or with factors rounded to TF32 (10 bits of mantissa).

By default torch rounds those of convolutions and not those of matrix products. The plain tokenizer is convolutions of
kernel 1 and ours is matrix products, so under the defaults the two sides would differ in arithmetic, and in logits by
more than the tolerance. So the benchmarks switch TF32 off in convolutions; ours uses none, so nothing changes for it.

Only torch's older switches are used: a mix of them with the newer ones (`fp32_precision`) is an error in torch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .failures import short_text

cudnn: Any = torch.backends.cudnn  # its attributes are properties, which type checkers don't see


def exact_convolutions(device: torch.device) -> None:
    """On a GPU, let float32 convolutions be computed in float32."""
    if device.type == "cuda":
        cudnn.allow_tf32 = False


def with_rounded_convolutions(function: Callable[[], Any]) -> Callable[[], Any]:
    """The function with TF32 in convolutions, torch's default."""

    def call() -> Any:
        before = cudnn.allow_tf32
        cudnn.allow_tf32 = True
        try:
            return function()
        finally:
            cudnn.allow_tf32 = before

    return call


def tf32_state() -> dict[str, bool | str]:
    """Whether TF32 is on, by kind of operation; the error's text where torch doesn't say."""
    places: dict[str, Any] = {"matrix products": torch.backends.cuda.matmul, "convolutions": cudnn}
    state: dict[str, bool | str] = {}
    for name, place in places.items():
        try:
            state[name] = bool(place.allow_tf32)
        except Exception as error:  # torch refuses when its older and newer switches disagree
            state[name] = short_text(error)
    return state
