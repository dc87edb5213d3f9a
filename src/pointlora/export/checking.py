"""Whether an exported network computes what it should, before there is a file of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor

from pointlora.errors import ConfigError
from pointlora.export.network import ExportedNetwork
from pointlora.methods.pointlora import PointLora
from pointlora.models.backbone import Backbone

# Largest difference between logits of torch and of what was exported.
TOLERANCE = 1e-4
# Scores of tokens that are nearer to one another than this come in another order where sums are rounded otherwise.
ROUNDING = 1e-6


class Comparison(NamedTuple):
    """What came of a comparison.

    Attributes:
        difference: the largest between logits.
        undecided: number of clouds left out, for which rounding decides which tokens the network selects.
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
        excused = different & undecided_clouds(network, inputs) if different.any() else different
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
            f"nothing is written: on all {left_out} clouds tried, rounding decides which tokens are selected, so "
            f"{tool} takes others than torch: scores at the edge differ by less than {ROUNDING:g}. The scorer "
            "tells no token from another: train it longer, or without selected tokens"
        )
    return Comparison(worst, left_out)


@torch.no_grad()
def undecided_clouds(network: ExportedNetwork, inputs: Sequence[Tensor]) -> Tensor:
    """Clouds (B,) where the best token left out has the score of the worst selected one, as far as rounding goes."""
    undecided = torch.zeros(len(inputs[0]), dtype=torch.bool)
    method = cast(Backbone, network.model).method
    if not isinstance(method, PointLora) or not method.selection:
        return undecided
    seen: list[Tensor] = []
    hook = method.scorer.register_forward_hook(lambda module, given, scores: seen.append(scores))
    try:
        network(*inputs)
    finally:
        hook.remove()
    for scores, scale in zip(seen, method.selection, strict=True):
        ordered = scores.sort(dim=1, descending=True).values
        if scale.keep < ordered.shape[1]:
            undecided |= ordered[:, scale.keep - 1] - ordered[:, scale.keep] <= ROUNDING
    return undecided
