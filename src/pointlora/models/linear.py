"""Linear layers that use the faster of torch's two float32 matrix products on a CPU.

torch hands float32 products to MKL, which on processors that Intel didn't make runs at half of what they can do.
oneDNN, which torch carries anyway for convolutions and bfloat16, runs at full speed everywhere. Its operator is no part
of torch's public interface: where it is missing, or anything but plain float32 on a CPU comes in, this is
`torch.nn.functional.linear`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Below this many multiplications the call itself takes longer than the product.
_WORTHWHILE = 1 << 18
# With more rows than this the gradient of the weight, a sum over them, is faster with MKL.
_MOST_ROWS = 1 << 14


def _find_product() -> Callable[..., Tensor] | None:
    """oneDNN's x W^T + b, if this build of torch has it and it computes what it should."""
    try:
        product = torch.ops.mkldnn._linear_pointwise
        x, weight, bias = torch.ones(2, 3), torch.ones(4, 3), torch.ones(4)
        good = torch.equal(product(x, weight, bias, "none", [], ""), torch.full((2, 4), 4.0))
    except (AttributeError, RuntimeError):
        return None
    return product if good else None


_PRODUCT = _find_product()


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b on (..., in), with (out, in) weight and (out,) bias: (..., out)."""
    if not _applies(x, weight):
        return F.linear(x, weight, bias)
    rows = x.reshape(-1, x.shape[-1])
    needs = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad or _requires(bias))
    product = _Linear.apply(rows, weight, bias) if needs else _multiply(rows, weight, bias)
    return product.view(*x.shape[:-1], -1)


class Linear(nn.Linear):
    """`torch.nn.Linear` through `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


def _applies(x: Tensor, weight: Tensor) -> bool:
    return (
        # First, or the size would become a condition of the compiled graph.
        not torch.compiler.is_compiling()
        and _PRODUCT is not None
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.numel() * weight.shape[0] >= _WORTHWHILE
        and not torch.is_autocast_enabled("cpu")
        and type(x) in (Tensor, nn.Parameter)
        and type(weight) in (Tensor, nn.Parameter)
    )


def _requires(bias: Tensor | None) -> bool:
    return bias is not None and bias.requires_grad


def _multiply(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    assert _PRODUCT is not None
    return _PRODUCT(_dense(rows), _dense(weight), bias, "none", [], "")


def _dense(matrix: Tensor) -> Tensor:
    """The matrix in rows or in columns without gaps: for other strides oneDNN falls back to a loop without vectors."""
    return matrix if matrix.is_contiguous() or matrix.t().is_contiguous() else matrix.contiguous()


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        # What isn't needed isn't kept: a frozen layer's input is free as soon as nothing else holds it.
        ctx.save_for_backward(rows if weight.requires_grad else None, weight if rows.requires_grad else None)
        return _multiply(rows, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        rows, weight = ctx.saved_tensors
        gradient = gradients[0]
        needs_x, needs_weight, needs_bias = ctx.needs_input_grad
        for_x = _multiply(gradient, weight.t()) if needs_x else None
        for_weight = None
        if needs_weight:
            few = len(gradient) <= _MOST_ROWS
            for_weight = _multiply(gradient.t(), rows.t()) if few else gradient.t() @ rows
        return for_x, for_weight, gradient.sum(0) if needs_bias else None
