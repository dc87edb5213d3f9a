"""The mini-PointNet that turns each patch of points into one token.

Point-BERT (Yu et al., CVPR 2022) and Point-MAE (Pang et al., ECCV 2022), after PointNet (Qi et al., CVPR 2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from pointlora.layers import first_stage, folded_tokenizer, second_stage
from pointlora.layers.batch_norm import RowBatchNorm, run_layers
from pointlora.layers.linear import Linear, linear
from pointlora.layers.max_pool import max_over_points
from pointlora.layers.recomputation import is_recomputed
from pointlora.ops.grouping import Patches


class Tokenizer(nn.Module):
    """Patches (B, G, K, 3) to tokens (B, G, C).

    Pointwise layers, maximum over the patch, the maximum joined to every point's features, pointwise layers, maximum.

    Args:
        dims: widths of the first stage, then the hidden width of the second.
        out_dim: width C of a token.

    Attributes:
        recomputes: in training with a frozen second stage, keep the points and the statistics of BatchNorm only, and
            make all else again in the backward.
    """

    recomputes = False

    def __init__(self, dims: Sequence[int], out_dim: int) -> None:
        super().__init__()
        *first, hidden = dims
        self.first_conv = _pointwise(3, *first)
        self.second_conv = _pointwise(2 * first[-1], hidden, out_dim)

    def forward(self, neighborhoods: Tensor, repeats: int = 1) -> Tensor:
        """Tokens of the patches.

        Args:
            neighborhoods: (B, G, K, 3), centred.
            repeats: in training, update the running statistics as if the same patches came this many times in a row.

        Returns:
            (B, G, C).
        """
        if not self.training and folded_tokenizer.applies(neighborhoods, self.first_conv, self.second_conv):
            patches = Patches(neighborhoods[:, :, 0], neighborhoods)
            return self.finish(folded_tokenizer.tokenize([patches], self.first_conv, self.second_conv)[0])
        with repeated_statistics(self, repeats if self.training else 1):
            tokens = self._tokenize(neighborhoods.flatten(0, 1))
        return self.finish(tokens.view(*neighborhoods.shape[:2], -1))

    def _tokenize(self, patches: Tensor) -> Tensor:
        """Both stages: (P, K, 3) to (P, C)."""
        again = is_recomputed(self.recomputes, self.second_conv, patches, *self.first_conv.parameters())
        fast = first_stage.applies(patches, self.first_conv) and second_stage.applies(patches, self.second_conv)
        if not again or fast:
            return self._both_stages(patches, again)
        return checkpoint(  # type: ignore[no-any-return]
            self._both_stages,
            patches,
            use_reentrant=False,
            preserve_rng_state=False,
            context_fn=lambda: (nullcontext(), StatisticsAtRest(self)),
        )

    def _both_stages(self, patches: Tensor, again: bool = False) -> Tensor:
        points, recipe = patches.reshape(-1, 3), None
        if first_stage.applies(points, self.first_conv):
            features, recipe = first_stage.first_stage(points, self.first_conv)
        else:
            features = run_layers(self.first_conv, points)
        features = features.view(*patches.shape[:2], -1)
        if second_stage.applies(features, self.second_conv):
            return second_stage.second_stage(features, self.second_conv, recipe if again else None)
        return self._second_stage(features)

    def finish(self, tokens: Tensor) -> Tensor:
        """What a subclass adds behind the second stage, (B, G, C)."""
        return tokens

    def _second_stage(self, features: Tensor) -> Tensor:
        join, norm, _, last = cast("tuple[nn.Linear, RowBatchNorm, nn.ReLU, nn.Linear]", self.second_conv)
        # [maximum, features] times a weight is maximum times its left half, once a patch, plus features times its
        # right half: the same numbers for a quarter less arithmetic than joining them first.
        left, right = join.weight.chunk(2, dim=1)
        joined = linear(features, right) + linear(max_over_points(features), left, join.bias)[:, None]
        hidden = norm(joined.flatten(0, 1), relu=True)
        return max_over_points(last(hidden).view(*features.shape[:2], -1))

    def tokenize_scales(self, scales: Sequence[Patches]) -> list[Tensor]:
        """Tokens of each scale; scales that share their patches are tokenized once.

        The running statistics move as if each scale had been tokenized by itself, repeats directly after one another.
        """
        if not self.training and folded_tokenizer.applies(scales[0].neighborhoods, self.first_conv, self.second_conv):
            return [self.finish(x) for x in folded_tokenizer.tokenize(scales, self.first_conv, self.second_conv)]
        counts: dict[int, int] = {}
        for patches in scales:
            counts[id(patches.neighborhoods)] = counts.get(id(patches.neighborhoods), 0) + 1
        tokens: dict[int, Tensor] = {}
        for patches in scales:
            key = id(patches.neighborhoods)
            if key not in tokens:
                tokens[key] = self(patches.neighborhoods, counts[key])
        return [tokens[id(patches.neighborhoods)] for patches in scales]


@contextmanager
def repeated_statistics(module: nn.Module, repeats: int) -> Iterator[None]:
    """Within, a training-mode forward moves the running statistics as `repeats` equal forwards would.

    A step takes r to (1 - m) r + m s; n of them with the same s are one step with momentum 1 - (1 - m)^n.
    """
    norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm) and norm.training] if repeats > 1 else []
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


class StatisticsAtRest(AbstractContextManager[None]):
    """Within, which may be entered again, a forward of the module in training doesn't move its running statistics."""

    def __init__(self, module: nn.Module) -> None:
        self._norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm) and norm.track_running_stats]

    def __enter__(self) -> None:
        for norm in self._norms:
            norm.track_running_stats = False

    def __exit__(self, *_: object) -> None:
        for norm in self._norms:
            norm.track_running_stats = True


def _pointwise(*widths: int) -> nn.Sequential:
    """Linear layers with BatchNorm and ReLU between them; on (rows, channels) this is a convolution of kernel 1."""
    layers: list[nn.Module] = []
    for width_in, width_out in pairwise(widths):
        if layers:
            layers += [RowBatchNorm(width_in), nn.ReLU(inplace=True)]
        layers.append(Linear(width_in, width_out))
    return nn.Sequential(*layers)
