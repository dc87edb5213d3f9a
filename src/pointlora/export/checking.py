"""Whether an exported network computes what it should, before there is a file of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from pointlora.errors import ConfigError

# Largest difference between logits of torch and of what was exported.
TOLERANCE = 1e-4


@torch.no_grad()
def check_outputs(
    expected: Callable[..., Tensor],
    exported: Callable[[Sequence[Tensor]], Tensor],
    trials: Iterable[Sequence[Tensor]],
    tool: str,
) -> float:
    """The largest difference between the logits of both.

    Args:
        expected: the network, called with its inputs one by one.
        exported: the same, called with a sequence of them.
        trials: inputs.
        tool: what computes the exported one, for messages.

    Raises:
        ConfigError: if it is above `TOLERANCE`.
    """
    worst = 0.0
    for inputs in trials:
        right, found = expected(*inputs), exported(inputs)
        difference = float((found - right).abs().max()) if found.shape == right.shape else float("inf")
        if not difference <= TOLERANCE:
            raise ConfigError(
                f"nothing is written: on clouds {tuple(inputs[0].shape)} {tool}'s logits differ by {difference:.2g} "
                f"from torch's, and {TOLERANCE:g} is allowed; please report it with this message"
            )
        worst = max(worst, difference)
    return worst
