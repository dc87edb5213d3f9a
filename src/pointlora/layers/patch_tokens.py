"""The fast ways through the mini-PointNet: which of them takes the place of its layers, if any.

Without gradients on a CPU, and where columns of features alone are trained, the folded layers; in other training on a
CPU each stage block by block in the cache; everywhere else the layers themselves, except the first one behind the
maximum, whose weight is split.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import cast

from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pointlora.layers import feature_columns, first_stage, folded_tokenizer, second_stage
from pointlora.layers.batch_norm import RowBatchNorm, run_layers
from pointlora.layers.feature_linear import FeatureLinear
from pointlora.layers.linear import Linear, linear
from pointlora.layers.max_pool import max_over_points
from pointlora.layers.plain import are_unwatched, is_plain, is_unwatched
from pointlora.layers.recomputation import is_recomputed
from pointlora.ops.grouping import Patches


def fast_tokens(neighborhoods: Tensor, first: nn.Sequential, second: nn.Sequential, recomputes: bool) -> Tensor | None:
    """Tokens (B, G, C) of patches (B, G, K, D); None where the layers have to be called.

    Args:
        neighborhoods: centred patches.
        first: D to hidden to F, pointwise.
        second: 2F to hidden to C, pointwise; a maximum over the patch follows.
        recomputes: see `Tokenizer`.
    """
    if folded_tokenizer.applies(neighborhoods, first, second):
        alone = Patches(neighborhoods[:, :, 0, :3], neighborhoods)
        return folded_tokenizer.tokenize([alone], first, second)[0]
    if feature_columns.applies(neighborhoods, first, second):
        return feature_columns.tokenize(neighborhoods, first, second)
    if not (is_unwatched(first) and is_unwatched(second) and is_plain(second[0], Linear)):
        return None
    patches = neighborhoods.flatten(0, 1)
    again = is_recomputed(recomputes, second, patches, *first.parameters())
    in_blocks = first_stage.applies(patches, first) and second_stage.applies(patches, second)
    stages = partial(_both_stages, first=first, second=second, again=again)
    if again and not in_blocks:
        tokens = checkpoint(
            stages,
            patches,
            use_reentrant=False,
            preserve_rng_state=False,
            context_fn=lambda: (nullcontext(), StatisticsAtRest(first, second)),
        )
    else:
        tokens = stages(patches)
    return cast(Tensor, tokens).view(*neighborhoods.shape[:2], -1)


def _both_stages(patches: Tensor, first: nn.Sequential, second: nn.Sequential, again: bool) -> Tensor:
    points, recipe = patches.flatten(0, 1), None
    if first_stage.applies(points, first):
        features, recipe = first_stage.first_stage(points, first)
    else:
        features = run_layers(first, points)
    features = features.view(*patches.shape[:2], -1)
    if second_stage.applies(features, second):
        return second_stage.second_stage(features, second, recipe if again else None)
    return _split_stage(features, second)


def _split_stage(features: Tensor, second: nn.Sequential) -> Tensor:
    """[maximum, features] times a weight is maximum times its left half, once per patch, plus features times its right
    half: the same numbers for a quarter less arithmetic than joining them first."""
    join, *others = second
    left, right = cast(nn.Linear, join).weight.chunk(2, dim=1)
    bias = cast(nn.Linear, join).bias
    joined = linear(features, right) + linear(max_over_points(features), left, bias)[:, None]
    return max_over_points(run_layers(others, joined.flatten(0, 1)).view(*features.shape[:2], -1))


def may_share(*stages: nn.Module) -> bool:
    """Whether scales may be tokenized together: their layers are known ones, and nothing in them is watched."""
    return are_unwatched(*stages) and all(_is_known(layer) for stage in stages for layer in stage.modules())


def _is_known(layer: nn.Module) -> bool:
    return type(layer) in (nn.Sequential, Linear, FeatureLinear, nn.ReLU) or "takes_relu" in vars(type(layer))


@contextmanager
def repeated_statistics(module: nn.Module, repeats: int) -> Iterator[None]:
    """Within, a training-mode forward moves the running statistics as `repeats` equal forwards would.

    A step takes r to (1 - m) r + m s; n of them with the same s are one step with momentum 1 - (1 - m)^n.
    """
    norms = [norm for norm in _norms(module) if norm.training] if repeats > 1 else []
    momenta = [norm.momentum or 0.0 for norm in norms]
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = 1 - (1 - momentum) ** repeats
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked.add_(repeats - 1)
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def _norms(module: nn.Module) -> list[RowBatchNorm]:
    return [norm for norm in module.modules() if isinstance(norm, RowBatchNorm)]


class StatisticsAtRest(AbstractContextManager[None]):
    """Within, which may be entered again, a forward of the modules in training doesn't move running statistics."""

    def __init__(self, *modules: nn.Module) -> None:
        self._norms = [norm for module in modules for norm in _norms(module) if norm.track_running_stats]

    def __enter__(self) -> None:
        for norm in self._norms:
            norm.track_running_stats = False

    def __exit__(self, *_: object) -> None:
        for norm in self._norms:
            norm.track_running_stats = True
