"""The tokenizer without gradients on a CPU, its BatchNorms folded into the layers before them.

With fixed statistics all that comes before a maximum is a function of a single point. So the features of the points
which two scales share are computed once, and a block of patches goes through all layers without leaving the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from pointlora.layers import linear as products
from pointlora.layers.batch_norm import RowBatchNorm
from pointlora.layers.derived import derived
from pointlora.layers.feature_linear import FeatureLinear, whole_weight
from pointlora.layers.linear import Linear, bias_of, multiply
from pointlora.layers.max_pool import largest
from pointlora.layers.plain import are_unwatched
from pointlora.ops.grouping import Patches

_BLOCK = 1 << 21  # bytes of the widest matrix of a block

Layer = tuple[Tensor, Tensor]  # weight and bias


class Folded(NamedTuple):
    """Weights of the tokenizer with fixed statistics.

    Attributes:
        first: layers of the first stage; a ReLU follows each but the last.
        right: weight of the second stage for a point's features.
        left: weight and bias of the second stage for the maximum over the patch.
        last: the last layer.
    """

    first: list[Layer]
    right: Tensor
    left: Layer
    last: Layer


def applies(points: Tensor, first: nn.Sequential, second: nn.Sequential) -> bool:
    """Whether `tokenize` may take the place of the layers of both stages."""
    layers = [*first, *second]
    return (
        products.usable(points, *first.parameters(), *second.parameters())
        and are_unwatched(first, second)
        and not (torch.is_grad_enabled() and any(parameter.requires_grad for parameter in (points, *sources(layers))))
        and all(type(layer) in (Linear, FeatureLinear, nn.ReLU) or _is_fixed(layer) for layer in layers)
    )


def tokenize(scales: Sequence[Patches], first: nn.Sequential, second: nn.Sequential) -> list[Tensor]:
    """Tokens (B, G, C) of each scale."""
    layers, dtype = [*first, *second], products.product_dtype(scales[0].neighborhoods)
    folded = derived(f"folded {dtype}", sources(layers), lambda: fold(first, second, dtype))
    # The strips of patches that scales are cut from, and the sizes of patch wanted of each.
    strips: dict[int, Tensor] = {}
    sizes: dict[int, set[int]] = {}
    for scale in scales:
        for strip in scale.strips or (scale.neighborhoods,):
            strips[id(strip)] = strip
            sizes.setdefault(id(strip), set()).add(scale.neighborhoods.shape[2])
    tokens = {key: _tokenize_strip(strip, sorted(sizes[key]), folded, dtype) for key, strip in strips.items()}
    result = []
    for scale in scales:
        size = scale.neighborhoods.shape[2]
        parts = [tokens[id(strip)][size] for strip in scale.strips or (scale.neighborhoods,)]
        result.append(parts[0] if len(parts) == 1 else torch.cat(parts, 1))
    return result


def _tokenize_strip(strip: Tensor, sizes: Sequence[int], folded: Folded, dtype: torch.dtype) -> dict[int, Tensor]:
    """Tokens (B, G, C) of the first k points of each patch (B, G, K, D), for several k."""
    batch, groups, points, channels = strip.shape
    patches = strip.reshape(batch * groups, points, channels)
    found = {size: patches.new_empty(len(patches), len(folded.last[0]), dtype=dtype) for size in sizes}
    shifts = {size: patches.new_empty(len(patches), len(folded.right), dtype=dtype) for size in sizes}
    length = max(_BLOCK // (points * max(len(folded.right), len(folded.last[0])) * dtype.itemsize), 1)
    for begin in range(0, len(patches), length):
        block = patches[begin : begin + length]
        # Coordinates stay in float32: bfloat16 has three digits.
        rows = block.reshape(-1, channels)
        for weight, bias in folded.first[:-1]:
            rows = multiply(rows.to(weight.dtype), weight, bias, "relu")
        rows = multiply(rows.to(dtype), *folded.first[-1])
        features = rows.view(len(block), points, -1)
        projected = multiply(rows, folded.right).view(len(block), points, -1)
        for size in sizes:
            # relu(x + shift) is max(x, -shift) + shift, and the maximum passes what is the same for a patch's points.
            shift = multiply(largest(features[:, :size]), *folded.left)
            hidden = torch.maximum(projected[:, :size], shift.neg()[:, None])
            values = multiply(hidden.flatten(0, 1), folded.last[0]).view(len(block), size, -1)
            found[size][begin : begin + length] = largest(values)
            shifts[size][begin : begin + length] = shift
    for size, shift in shifts.items():
        found[size] += multiply(shift, *folded.last)
    return {size: value.view(batch, groups, -1) for size, value in found.items()}


def _is_fixed(layer: nn.Module) -> bool:
    return (
        isinstance(layer, RowBatchNorm)
        and "takes_relu" in vars(type(layer))
        and not layer.training
        and layer.running_mean is not None
    )


def sources(layers: Sequence[nn.Module]) -> list[Tensor]:
    """All that the folded weights are made from."""
    found: list[Tensor] = [parameter for layer in layers for parameter in layer.parameters()]
    for layer in layers:
        if isinstance(layer, RowBatchNorm):
            found += [buffer for name, buffer in layer.named_buffers() if name != "num_batches_tracked"]
    return found


def fold(first: nn.Sequential, second: nn.Sequential, dtype: torch.dtype) -> Folded:
    """The weights as they are now, the products in `dtype`."""
    stage = []
    for layer in first:
        if isinstance(layer, nn.Linear):
            stage.append(_weights(layer))
        elif isinstance(layer, RowBatchNorm):
            stage[-1] = _after(stage[-1], layer)
    join, last = cast(nn.Linear, second[0]), cast(nn.Linear, second[3])
    weight, bias = _after(_weights(join), cast(RowBatchNorm, second[1]))
    left, right = weight.chunk(2, dim=1)
    types = [*[torch.float32, *[dtype] * (len(stage) - 2)][: len(stage) - 1], dtype]
    return Folded(
        [(weight.to(kind), bias.to(kind)) for (weight, bias), kind in zip(stage, types, strict=True)],
        right.to(dtype).contiguous(),
        (left.to(dtype).contiguous(), bias.to(dtype)),
        (last.weight.detach().to(dtype), bias_of(last).detach().to(dtype)),
    )


def _weights(layer: nn.Linear) -> Layer:
    return whole_weight(layer).detach().double(), bias_of(layer).detach().double()


def _after(layer: Layer, norm: RowBatchNorm) -> Layer:
    """The layer followed by the norm, as one layer; in float64."""
    assert norm.running_mean is not None
    factor = norm_factor(norm)
    weight, bias = layer
    return weight * factor[:, None], (bias - norm.running_mean.double()) * factor + norm.bias.detach().double()


def norm_factor(norm: RowBatchNorm) -> Tensor:
    """(C,) by which a norm with fixed statistics multiplies; in float64."""
    assert norm.running_var is not None
    return norm.weight.detach().double() * (norm.running_var.double() + norm.eps).rsqrt()
