"""The mini-PointNet that turns each patch of points into one token.

Point-BERT (Yu et al., CVPR 2022) and Point-MAE (Pang et al., ECCV 2022), after PointNet (Qi et al., CVPR 2017).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from pointlora.layers import folded_tokenizer
from pointlora.layers.batch_norm import RowBatchNorm
from pointlora.layers.feature_linear import entry_layer
from pointlora.layers.max_pool import max_over_points
from pointlora.layers.patch_tokens import fast_tokens, may_share, repeated_statistics
from pointlora.layers.plain import is_unwatched
from pointlora.ops.grouping import Patches


class Tokenizer(nn.Module):
    """Patches (B, G, K, D) to tokens (B, G, C).

    Pointwise layers, maximum over the patch, the maximum joined to every point's features, pointwise layers, maximum.

    Args:
        dims: widths of the first stage, then the hidden width of the second.
        out_dim: width C of a token.
        channels: 3 coordinates, and what else a point had in pre-training.
        bias: whether the layers before a BatchNorm have one, which it takes away again.
        num_features: numbers F that come after them; D is channels + F.

    Attributes:
        recomputes: in training with a frozen second stage, keep the points and the statistics of BatchNorm only, and
            make all else again in the backward.
    """

    recomputes = False

    def __init__(
        self, dims: Sequence[int], out_dim: int, channels: int = 3, bias: bool = True, num_features: int = 0
    ) -> None:
        super().__init__()
        *first, hidden = dims
        self.first_conv = _pointwise(channels, *first, bias=bias, num_features=num_features)
        self.second_conv = _pointwise(2 * first[-1], hidden, out_dim, bias=bias)

    def forward(self, neighborhoods: Tensor) -> Tensor:
        """Patches (B, G, K, D), their coordinates centred, to tokens (B, G, C)."""
        tokens = fast_tokens(neighborhoods, self.first_conv, self.second_conv, self.recomputes)
        return self.finish(self.compute(neighborhoods) if tokens is None else tokens)

    def compute(self, neighborhoods: Tensor) -> Tensor:
        """The definition: tokens (B, G, C) of patches (B, G, K, D), before `finish`."""
        batch, groups, points, _ = neighborhoods.shape
        features = self.first_conv(neighborhoods.flatten(0, 2)).view(batch * groups, points, -1)
        maxima = max_over_points(features)[:, None].expand_as(features)
        joined = torch.cat([maxima, features], -1).flatten(0, 1)
        return max_over_points(self.second_conv(joined).view(batch * groups, points, -1)).view(batch, groups, -1)

    def finish(self, tokens: Tensor) -> Tensor:
        """What a subclass adds behind the second stage, (B, G, C)."""
        return tokens

    def tokenize_scales(self, scales: Sequence[Patches]) -> list[Tensor]:
        """Tokens (B, G, C) of each scale.

        Scales that share patches are tokenized once where nobody would notice. The running statistics move as if each
        had been tokenized by itself, repeats directly after one another.
        """
        stages = self.first_conv, self.second_conv
        known = type(self).forward is Tokenizer.forward and type(self).compute is Tokenizer.compute
        if not (known and is_unwatched(self) and may_share(*stages)):
            return [self(patches.neighborhoods) for patches in scales]
        if folded_tokenizer.applies(scales[0].neighborhoods, *stages):
            return [self.finish(tokens) for tokens in folded_tokenizer.tokenize(scales, *stages)]
        counts = Counter(id(patches.neighborhoods) for patches in scales)
        tokens: dict[int, Tensor] = {}
        for patches in scales:
            key = id(patches.neighborhoods)
            if key not in tokens:
                with repeated_statistics(self, counts[key]):
                    tokens[key] = self(patches.neighborhoods)
        return [tokens[id(patches.neighborhoods)] for patches in scales]


def _pointwise(*widths: int, bias: bool, num_features: int = 0) -> nn.Sequential:
    """Linear layers with BatchNorm and ReLU between them; on (rows, channels) this is a convolution of kernel 1.

    The first one takes the features of points too.
    """
    layers: list[nn.Module] = []
    for index, (width_in, width_out) in enumerate(pairwise(widths), 2):
        if layers:
            layers += [RowBatchNorm(width_in), nn.ReLU(inplace=True)]
        biased = bias or index == len(widths)
        layers.append(entry_layer(width_in, width_out, 0 if layers else num_features, biased))
    return nn.Sequential(*layers)
