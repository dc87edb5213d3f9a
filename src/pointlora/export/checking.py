"""Whether an exported network computes what it should, before there is a file of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pointlora.errors import ConfigError
from pointlora.export.near_ties import FEATURE_ROUNDING, ROUNDING, undecided_clouds
from pointlora.export.network import ExportedNetwork

# Largest difference between logits of torch and of what was exported.
TOLERANCE = 1e-4


class Comparison(NamedTuple):
    """What came of a comparison.

    Attributes:
        difference: the largest between logits.
        undecided: number of clouds left out, for which rounding decides what the network looks at (`undecided_clouds`).
    """

    difference: float
    undecided: int


@torch.no_grad()
def check_outputs(
    network: ExportedNetwork,
    exported: Callable[[Sequence[Tensor]], Tensor],
    trials: Iterable[Sequence[Tensor]],
    tool: str,
) -> Comparison:
    """Compare the logits of both.

    Args:
        network: in torch.
        exported: the same, called with a sequence of its inputs.
        trials: inputs.
        tool: what computes the exported one, for messages.

    Raises:
        ConfigError: if they differ by more than `TOLERANCE`, or no cloud can be compared.
    """
    worst, compared, left_out = 0.0, 0, 0
    for inputs in trials:
        expected, found = network(*inputs), exported(inputs)
        differences = torch.full((len(expected),), torch.inf)
        if found.shape == expected.shape:
            differences = (found - expected).abs().flatten(1).amax(1)
        different = ~(differences <= TOLERANCE)
        excused = different & differences.isfinite()
        if excused.any():
            excused &= undecided_clouds(network, inputs)
        if (different & ~excused).any():
            raise ConfigError(
                f"nothing is written: on clouds {tuple(inputs[0].shape)} {tool}'s logits differ by "
                f"{float(differences[~excused].max()):.2g} from torch's, and {TOLERANCE:g} is allowed; please report "
                "it with this message"
            )
        worst = max([worst, *differences[~excused].tolist()])
        compared, left_out = compared + int((~excused).sum()), left_out + int(excused.sum())
    if left_out and not compared:
        raise ConfigError(
            f"nothing is written: on all {left_out} clouds tried, rounding decides which tokens are selected or which "
            f"patches are neighbours, so {tool} takes others than torch: at the edge scores differ by less than "
            f"{ROUNDING:g}, distances by {FEATURE_ROUNDING:g}. The network tells no token from another: train it longer"
        )
    return Comparison(worst, left_out)
