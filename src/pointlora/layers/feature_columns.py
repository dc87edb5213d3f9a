"""The tokenizer in training on a CPU where nothing of it is trained but the columns of features.

With fixed statistics its forward is the folded one. The backward wants a single small gradient, that of the columns in
the first layer, so it goes there by the shortest way: where a maximum stood, past the layers behind it as one, and no
gradient of a point or of a frozen weight is made.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pointlora.layers import folded_tokenizer
from pointlora.layers import linear as products
from pointlora.layers.batch_norm import RowBatchNorm
from pointlora.layers.derived import derived
from pointlora.layers.feature_linear import FeatureLinear
from pointlora.layers.folded_tokenizer import Folded
from pointlora.layers.linear import Linear, multiply, weight_gradient
from pointlora.layers.max_pool import MOST_POINTS, first_index, largest
from pointlora.layers.plain import are_unwatched
from pointlora.layers.second_stage import spread
from pointlora.torch_private import keep_where_positive

_BLOCK = 1 << 19  # elements of the widest matrix of a block; 2 MB of float32
_FIRST = [FeatureLinear, RowBatchNorm, nn.ReLU, Linear]
_SECOND = [Linear, RowBatchNorm, nn.ReLU, Linear]


class _Frozen(NamedTuple):
    """What is made of the frozen weights.

    Attributes:
        folded: as without features.
        factor: (hidden,) of the first BatchNorm, which multiplies the columns.
        back: (hidden, joined) from the joined layer's input, back through the first stage's last layer.
    """

    folded: Folded
    factor: Tensor
    back: Tensor


def applies(neighborhoods: Tensor, first: nn.Sequential, second: nn.Sequential) -> bool:
    """Whether `tokenize` may take the place of both stages' layers."""
    if [type(layer) for layer in first] != _FIRST or [type(layer) for layer in second] != _SECOND:
        return False
    columns = cast(FeatureLinear, first[0]).features
    others = [value for layer in (first, second) for value in layer.parameters() if value is not columns]
    return (
        products.usable(neighborhoods, columns, *others)
        and torch.is_grad_enabled()
        and columns.requires_grad
        and not any(value.requires_grad for value in (neighborhoods, *others))
        and not (first[1].training or second[1].training)
        and are_unwatched(first, second)
        and neighborhoods.shape[2] <= MOST_POINTS
    )


def tokenize(neighborhoods: Tensor, first: nn.Sequential, second: nn.Sequential) -> Tensor:
    """Tokens (B, G, C) of patches (B, G, K, 3 + F), for which `applies` holds."""
    dtype, enter = products.product_dtype(neighborhoods), cast(FeatureLinear, first[0])
    sources = folded_tokenizer.sources([*first, *second])
    sources = [source for source in sources if source is not enter.features]
    frozen = derived(f"columns {dtype}", sources, lambda: _freeze(first, second, dtype))
    tokens = _Tokens.apply(neighborhoods.flatten(0, 1), enter.features, frozen, dtype)
    return cast(Tensor, tokens).view(*neighborhoods.shape[:2], -1)


def _freeze(first: nn.Sequential, second: nn.Sequential, dtype: torch.dtype) -> _Frozen:
    enter, norm, _, last = cast("tuple[FeatureLinear, RowBatchNorm, nn.ReLU, nn.Linear]", first)
    folded = folded_tokenizer.fold(first, second, dtype)
    (weight, bias), *others = folded.first
    factor = folded_tokenizer.norm_factor(norm).float()
    own = weight[:, : enter.in_features].contiguous()
    back = (folded.right.double() @ last.weight.detach().double()).t().contiguous()
    return _Frozen(folded._replace(first=[(own, bias), *others]), factor, back.to(dtype))


class _Tokens(torch.autograd.Function):
    """Patches (P, K, 3 + F) and columns (hidden, F) to tokens (P, C)."""

    @staticmethod
    def forward(ctx: Any, patches: Tensor, columns: Tensor, frozen: _Frozen, dtype: torch.dtype) -> Tensor:
        folded, points = frozen.folded, patches.shape[1]
        enter = torch.cat([folded.first[0][0], columns * frozen.factor[:, None]], 1)
        size = max(_BLOCK // (points * max(len(folded.right), len(folded.last[0]))), 1)
        tokens = patches.new_empty(len(patches), len(folded.last[0]), dtype=dtype)
        standing: list[list[Tensor]] = [[], [], []]
        for block, out in zip(patches.split(size), tokens.split(size), strict=True):
            rows = multiply(block.reshape(-1, block.shape[2]), enter, folded.first[0][1], "relu")
            rows = multiply(rows.to(dtype), *folded.first[1])
            features = rows.view(len(block), points, -1)
            maxima = largest(features)
            shift = multiply(maxima, *folded.left)
            hidden = multiply(rows, folded.right).view(len(block), points, -1)
            # relu(x + shift) is max(x, -shift) + shift, and the maximum passes what is the same for a patch's points.
            least = shift.neg()[:, None]
            standing[2].append(hidden > least)
            values = multiply(torch.maximum(hidden, least).flatten(0, 1), folded.last[0]).view(len(block), points, -1)
            best = largest(values)
            standing[0].append(first_index(values, best))
            standing[1].append(first_index(features, maxima))
            torch.add(best, multiply(shift, *folded.last), out=out)
        ctx.frozen, ctx.dtype, ctx.size = frozen, dtype, size
        ctx.save_for_backward(patches, enter, *(torch.cat(parts) for parts in standing))
        return tokens

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        patches, enter, *standing = ctx.saved_tensors
        frozen, dtype, size = ctx.frozen, ctx.dtype, ctx.size
        folded, points, count = frozen.folded, patches.shape[1], patches.shape[2] - frozen.folded.first[0][0].shape[1]
        last, (leave, _), left = folded.last[0], folded.first[1], folded.left[0].t()
        found = torch.zeros(len(enter), count)
        blocks = (tensor.split(size) for tensor in (gradients[0].to(dtype).contiguous(), patches, *standing))
        for gradient, block, top, first, active in zip(*blocks, strict=True):
            joined = spread(gradient, top, points, last)
            joined.mul_(active.flatten(0, 1))
            of_maxima = multiply(joined.view(len(block), points, -1).sum(1), left)
            below = multiply(joined, frozen.back).add_(spread(of_maxima, first, points, leave))
            rows = block.reshape(-1, block.shape[2])
            entered = multiply(rows, enter, folded.first[0][1])
            keep_where_positive(below, entered.to(dtype), out=below)
            found += weight_gradient(below, rows[:, -count:].to(dtype))
        return None, found * frozen.factor[:, None], None, None
