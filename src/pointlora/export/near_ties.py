"""Where the last digit of a number decides what a network looks at: two programs may then differ, and both be right.

Farthest points, and neighbours in space, are rounded alike in torch and in what is exported, and are the same index for
index. Choices within a network aren't: scores of tokens, and distances between features, come out of sums whose order
each program takes as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, cast

import torch
from torch import Tensor

from pointlora.export.network import ExportedNetwork
from pointlora.methods.idpt import Idpt, patch_distances
from pointlora.methods.pointlora import PointLora
from pointlora.models.backbone import Backbone

# Scores of tokens, from 0 to 1, that are nearer to one another than this come in another order where sums are rounded
# otherwise.
ROUNDING = 1e-6
# The same of distances between features, as a share of the longest feature's length. Those of torch and onnxruntime
# were found to differ by up to 4e-7 of it (point_mae_tiny), and either of two may err.
FEATURE_ROUNDING = 3e-6

Note = Callable[[Tensor], None]


@torch.no_grad()
def undecided_clouds(network: ExportedNetwork, inputs: Sequence[Tensor]) -> Tensor:
    """Clouds (B,) for which rounding decides a choice.

    Of the method pointlora: the best token left out has the score of the worst selected one. Of idpt: the nearest
    patch left out is as far away, between features, as the farthest that is a neighbour.
    """
    undecided = torch.zeros(len(inputs[0]), dtype=torch.bool)
    with ExitStack() as hooks:
        for handle in _watch(cast(Backbone, network.model).method, undecided.logical_or_):
            hooks.callback(handle.remove)
        network(*inputs)
    return undecided


def tied(values: Tensor, count: int, near: Tensor | float) -> Tensor:
    """Clouds (B,) where in any row of values (B, ..., N) the `count` smallest end within `near` of the next one."""
    if count >= values.shape[-1]:
        return torch.zeros(len(values), dtype=torch.bool)
    last, following = values.sort(dim=-1).values[..., count - 1 : count + 1].unbind(-1)
    return (following - last <= near).flatten(1).any(1)


def _watch(method: Any, note: Callable[[Tensor], Any]) -> list[Any]:
    """Hooks that note the clouds (B,) for which rounding decides a choice of a method."""
    if isinstance(method, PointLora) and method.selection:
        counts = iter([scale.keep for scale in method.selection])

        def score(module: Any, given: Any, scores: Tensor) -> None:
            note(tied(-scores[:, None], next(counts), ROUNDING))

        return [method.scorer.register_forward_hook(score)]
    if isinstance(method, Idpt):

        def relate(module: Any, given: tuple[Tensor, Tensor]) -> None:
            patches, neighbors = given
            near = FEATURE_ROUNDING * patches.norm(dim=-1).amax(1)
            note(tied(patch_distances(patches), neighbors.shape[-1], near[:, None]))

        return [edge.register_forward_pre_hook(relate) for edge in method.dgcnn.edges]
    return []
