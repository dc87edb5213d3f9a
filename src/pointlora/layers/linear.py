"""Linear layers that use the faster of torch's two float32 matrix products on a CPU.

torch hands float32 products to MKL, which on Intel's processors is the fastest, above all for transposed factors, and
on others falls short of what they can do. There they go to oneDNN, which torch carries anyway for convolutions and
bfloat16. In bfloat16 autocast the same operator adds the bias as it goes, and a frozen weight is cast once, not once a
step. It is no part of torch's public interface: where it is missing, or anything else comes in, this is
`torch.nn.functional.linear`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointlora import fast_paths, torch_private
from pointlora.layers.derived import derived
from pointlora.layers.plain import is_plain
from pointlora.layers.recomputation import Recipe, keep, kept, recipe_of
from pointlora.processor import has_matrix_units, is_intel

# Below this many multiplications the call itself takes longer than the product.
_WORTHWHILE = 1 << 18
# With more rows than this the gradient of the weight, a sum over them, is faster with MKL.
_MOST_ROWS = 1 << 14
# A matrix with fewer columns is copied in next to no time.
_NARROW = 32


_IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda result: result,
    "relu": torch.relu_,
    "gelu": torch_private.gelu_,
}


# Decided by what the processor is and not by a measurement, so that every run on a machine gives the same digits.
_MKL = torch.backends.mkl.is_available() and is_intel()
HAS_MATRIX_UNITS = has_matrix_units()
_PRODUCT = torch_private.linear_product(torch.float32)
_BFLOAT16_PRODUCT = torch_private.linear_product(torch.bfloat16)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b on (..., in), with (out, in) weight and (out,) bias: (..., out)."""
    if not worthwhile(x, weight):
        return F.linear(x, weight, bias)
    dtype = product_dtype(x)
    rows = x.reshape(-1, x.shape[-1])
    needs = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad or _requires(bias))
    if needs:
        product: Tensor = _Linear.apply(rows, weight, bias, dtype, recipe_of(x))
    else:
        product = multiply(rows.to(dtype), cast(weight, dtype), cast_bias(bias, dtype))
    return product.view(*x.shape[:-1], -1)


def linear_gelu(x: Tensor, layer: nn.Module) -> Tensor:
    """GELU of a linear layer's output; without gradients on a CPU in one pass."""
    if torch.is_grad_enabled() or not is_plain(layer, Linear):
        return F.gelu(layer(x))
    assert isinstance(layer, Linear)
    if not worthwhile(x, layer.weight):
        return F.gelu(layer(x))
    dtype = product_dtype(x)
    rows = x.reshape(-1, x.shape[-1]).to(dtype)
    product = multiply(rows, cast(layer.weight, dtype), cast_bias(layer.bias, dtype), "gelu")
    return product.view(*x.shape[:-1], -1)


class Linear(nn.Linear):
    """`torch.nn.Linear` through `linear`."""

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


def usable(*tensors: Tensor) -> bool:
    """Whether products of these tensors can be computed here: on a CPU, in float32 or in bfloat16 autocast."""
    # Ask this before any size, or the size becomes a condition of the compiled graph.
    if (
        torch.compiler.is_compiling()
        or not fast_paths.enabled()
        or any(tensor.device.type != "cpu" or type(tensor) not in (Tensor, nn.Parameter) for tensor in tensors)
    ):
        return False
    if not torch.is_autocast_enabled("cpu"):
        return _PRODUCT is not None and all(tensor.dtype == torch.float32 for tensor in tensors)
    return (
        _BFLOAT16_PRODUCT is not None
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
        and all(tensor.dtype in (torch.float32, torch.bfloat16) for tensor in tensors)
    )


def worthwhile(x: Tensor, weight: Tensor) -> bool:
    """Whether a product of x (..., in) and weight (out, in) is usable, and large enough to gain by it."""
    return usable(x, weight) and x.numel() * weight.shape[0] >= _WORTHWHILE


def product_dtype(x: Tensor) -> torch.dtype:
    """The type in which a usable product is computed."""
    return torch.bfloat16 if torch.is_autocast_enabled("cpu") else x.dtype


def cast(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """The weight in another type; that of a frozen parameter is kept until it changes."""
    if weight.dtype == dtype or not isinstance(weight, nn.Parameter):
        return weight.detach().to(dtype)
    plain = weight.detach()
    return derived(str(dtype), [weight], lambda: plain.to(dtype))


def cast_bias(bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """The same of a vector; not kept."""
    return None if bias is None else bias.detach().to(dtype)


def multiply(rows: Tensor, weight: Tensor, bias: Tensor | None = None, then: str = "none") -> Tensor:
    """Rows (M, in), weight (out, in) and bias of one type, float32 or bfloat16, on a CPU; no gradient.

    `then` is applied to the result, by oneDNN before it leaves the cache: `relu`, `gelu` or `none`.
    """
    if _MKL and rows.dtype == torch.float32:
        # Written into a given tensor, autocast leaves it in float32.
        result, factor = rows.new_empty(len(rows), len(weight)), weight.t()
        if bias is None:
            torch.mm(rows, factor, out=result)
        else:
            torch.addmm(bias, rows, factor, out=result)
        return _IN_PLACE[then](result)
    product = _PRODUCT if rows.dtype == torch.float32 else _BFLOAT16_PRODUCT
    assert product is not None
    return product(_dense(rows), _dense(weight), bias, then, [], "none" if then == "gelu" else "")


def bias_of(layer: nn.Linear) -> Tensor:
    """The bias (out,) of a layer, zeros where it has none."""
    return layer.weight.new_zeros(layer.out_features) if layer.bias is None else layer.bias


def _requires(bias: Tensor | None) -> bool:
    return bias is not None and bias.requires_grad


def _dense(matrix: Tensor) -> Tensor:
    """The matrix in rows or in columns without gaps: for other strides oneDNN falls back to a loop without vectors."""
    return matrix if matrix.is_contiguous() or matrix.t().is_contiguous() else matrix.contiguous()


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None, dtype: torch.dtype, recipe: Recipe | None
    ) -> Tensor:
        ctx.types = rows.dtype, weight.dtype, None if bias is None else bias.dtype
        mine, factor = rows.to(dtype), cast(weight, dtype)
        # What isn't needed isn't kept: a frozen layer's input is free as soon as nothing else holds it.
        trained = weight.requires_grad
        keep(ctx, mine if trained else None, recipe if trained else None, factor if rows.requires_grad else None)
        return multiply(mine, factor, cast_bias(bias, dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (weight,), make = kept(ctx, 1)
        gradient = gradients[0]
        needs_x, needs_weight, needs_bias, *_ = ctx.needs_input_grad
        for_x = for_weight = None
        if needs_x:
            for_x = multiply(gradient, weight.t()).to(ctx.types[0])
        if needs_weight:
            rows = make()
            rows = rows.reshape(-1, rows.shape[-1]).to(gradient.dtype)
            for_weight = weight_gradient(gradient, rows).to(ctx.types[1])
        return for_x, for_weight, gradient.sum(0).to(ctx.types[2]) if needs_bias else None, None, None


def weight_gradient(gradient: Tensor, rows: Tensor) -> Tensor:
    """The sum over rows of gradient (M, out) times rows (M, in): (out, in)."""
    if gradient.dtype != torch.float32 or _MKL or len(gradient) > _MOST_ROWS:
        return gradient.t() @ rows
    # This operator of oneDNN makes a copy of a transposed first factor: good where that is the narrower one.
    if rows.shape[1] >= gradient.shape[1]:
        return multiply(gradient.t(), rows.t())
    # Turned round, it gives a transposed matrix, which whoever stores the gradient has to copy.
    return multiply(rows.t(), gradient.t()).t() if rows.shape[1] < _NARROW else gradient.t() @ rows
