"""Every use of torch that is no part of its public interface, in one place and tried out when this is imported.

A later torch may drop these operators or change what they take. Each is called here on a few numbers whose result is
known. If one is missing or wrong, `COMPLETE` is false and the layers are computed by their plain definitions, which use
public functions only.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn

_ATEN: Any = torch.ops.aten
COMPLETE = True


def softmax_backward(gradient: Tensor, weights: Tensor) -> Tensor:
    """The gradient of a softmax's input from that of its result `weights`, over the last dimension."""
    return torch._softmax_backward_data(gradient, weights, -1, weights.dtype)


def gelu_backward(gradient: Tensor, inputs: Tensor) -> Tensor:
    """The gradient of a GELU's input."""
    return _ATEN.gelu_backward(gradient, inputs)  # type: ignore[no-any-return]


def gelu_(values: Tensor) -> Tensor:
    """GELU in place."""
    return _ATEN.gelu_(values)  # type: ignore[no-any-return]


def keep_where_positive(gradient: Tensor, values: Tensor, out: Tensor) -> Tensor:
    """Write the gradient where the values are positive, else 0: a quarter of the time of comparing and multiplying."""
    return _ATEN.threshold_backward.grad_input(gradient, values, 0, grad_input=out)  # type: ignore[no-any-return]


def squared_difference(left: Tensor, right: Tensor, out: Tensor) -> Tensor:
    """Write (left - right)^2, in one pass, rounded as in two."""
    if not COMPLETE:
        return torch.sub(left, right, out=out).square_()
    return _ATEN.mse_loss.out(left, right, 0, out=out)  # type: ignore[no-any-return]


def layer_norm(tokens: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """Layer normalisation over the last dimension, with the mean and the inverse deviation of each row."""
    return torch.native_layer_norm(tokens, tokens.shape[-1:], weight, bias, eps)


def layer_norm_backward(
    gradient: Tensor, tokens: Tensor, mean: Tensor, inverse: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    """The gradient of the tokens alone."""
    only_input = [True, False, False]
    found = _ATEN.native_layer_norm_backward(
        gradient, tokens, tokens.shape[-1:], mean, inverse, weight, bias, only_input
    )
    return found[0]  # type: ignore[no-any-return]


def batch_statistics(rows: Tensor, zero: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance (C,) of the columns of (M, C); `zero` (C,) has the type that they shall have."""
    return _ATEN.batch_norm_update_stats(rows, zero, zero, 0.0)  # type: ignore[no-any-return]


def batch_norm(rows: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float) -> Tensor:
    """Rows (M, C) normalised with given statistics; rows and statistics may be of different types."""
    return torch.native_batch_norm(rows, weight, bias, mean, variance, False, 0.0, eps)[0]


def batch_norm_backward(
    gradient: Tensor,
    rows: Tensor,
    weight: Tensor,
    statistics: tuple[Tensor, Tensor],
    of_batch: bool,
    eps: float,
    needed: list[bool],
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of rows (M, C), weight and bias.

    Args:
        gradient: (M, C) of the results.
        rows: (M, C) that were normalised.
        weight: (C,).
        statistics: (C,) mean and variance if they were given, mean and inverse deviation if they are the batch's.
        of_batch: whether they are the batch's.
        eps: that was added to the variance.
        needed: which of the three gradients are wanted.
    """
    given, own = (None, None) if of_batch else statistics, statistics if of_batch else (None, None)
    return _ATEN.native_batch_norm_backward(  # type: ignore[no-any-return]
        gradient, rows, weight, *given, *own, of_batch, eps, needed
    )


def linear_product(dtype: torch.dtype) -> Callable[..., Tensor] | None:
    """oneDNN's x W^T + b on a CPU, if this torch and this processor have it for the type; else None."""
    return _in_a_thread(_try_product, dtype)


def _try_product(dtype: torch.dtype) -> Callable[..., Tensor] | None:
    try:
        product: Callable[..., Tensor] = torch.ops.mkldnn._linear_pointwise
        x, weight, bias = (torch.ones(shape, dtype=dtype) for shape in ((2, 3), (4, 3), (4,)))
        good = torch.equal(product(x, weight, bias, "none", [], ""), torch.full((2, 4), 4.0, dtype=dtype))
    except (AttributeError, RuntimeError):
        return None
    return product if good else None


def while_loop(goes_on: Callable[..., Tensor], step: Callable[..., Any], state: tuple[Tensor, ...]) -> Any:
    """The state after as many steps as wanted, as one node of an exported program; a prototype in torch."""
    from torch._higher_order_ops.while_loop import while_loop as loop

    return loop(goes_on, step, state)


def distance_operator() -> Any:
    """What torch.cdist is called in an exported program."""
    return _ATEN._cdist_forward.default


def eigenvector_operator() -> Any:
    """What torch.linalg.eigh is called in an exported program."""
    return _ATEN._linalg_eigh.default


def version(tensor: Tensor) -> int:
    """How often the tensor was changed in place; -1 where torch doesn't count."""
    return -1 if tensor.is_inference() else tensor._version


def has_hooks(module: nn.Module) -> bool:
    """Whether anything was hung on the module, or on all modules, that its call runs."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or nn.modules.module._has_any_global_hook()
    )


def watching_hooks(module: nn.Module) -> bool:
    """The same, aside from hooks with an attribute `computes`, which only compute what the module returns."""
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
    backward = module._backward_hooks or module._backward_pre_hooks or nn.modules.module._has_any_global_hook()
    return bool(backward) or not all(getattr(hook, "computes", False) for hook in hooks)


def move_hooks(source: nn.Module, target: nn.Module) -> None:
    """Hang what hangs on `source` on `target`; handles that were returned for them remove them from there."""
    for name in _HOOKS:
        if name in source.__dict__:
            target.__dict__[name] = source.__dict__[name]


_HOOKS = (
    *("_forward_hooks", "_forward_hooks_with_kwargs", "_forward_hooks_always_called"),
    *("_forward_pre_hooks", "_forward_pre_hooks_with_kwargs"),
    *("_backward_hooks", "_backward_pre_hooks", "_is_full_backward_hook"),
    *("_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks"),
)


def _try_all() -> bool:
    """Whether every operator gives what it should on a few numbers."""
    values, ones, zeros = torch.tensor([[-1.0, 1.0], [1.0, 3.0]]), torch.ones(2), torch.zeros(2)
    out = torch.empty_like(values)
    try:
        centered, mean, inverse = layer_norm(values, ones, zeros, 0.0)
        found = (
            (softmax_backward(values, torch.full((2, 2), 0.5)), [[-0.5, 0.5], [-0.5, 0.5]]),
            (gelu_backward(torch.ones(2), zeros), [0.5, 0.5]),
            (gelu_(torch.zeros(2)), [0.0, 0.0]),
            (keep_where_positive(torch.full((2, 2), 2.0), values, out).clone(), [[0.0, 2.0], [2.0, 2.0]]),
            (squared_difference(values, values.t(), out).clone(), [[0.0, 0.0], [0.0, 0.0]]),
            (centered, [[-1.0, 1.0], [-1.0, 1.0]]),
            (layer_norm_backward(values, values, mean, inverse, ones, zeros), [[0.0, 0.0], [0.0, 0.0]]),
            (torch.stack(batch_statistics(values, zeros)), [[0.0, 2.0], [1.0, 1.0]]),
            (batch_norm(values, ones, zeros, ones, ones, 0.0), [[-2.0, 0.0], [0.0, 2.0]]),
            (batch_norm_backward(values, values, ones, (zeros, ones), False, 0.0, [True] * 3)[0], values.tolist()),
        )
    except (AttributeError, RuntimeError, TypeError):
        return False
    return all(torch.allclose(value, torch.tensor(right), atol=1e-6) for value, right in found)


def _in_a_thread(trial: Callable[..., Any], *arguments: Any) -> Any:
    """What a trial returns, in a thread that ends with it.

    OpenMP's threads end with the one that they were begun for. If the main thread had begun some while this package is
    imported, a process forked from it would wait for them for ever as soon as it computes with several threads.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(trial, *arguments).result()


COMPLETE = _in_a_thread(_try_all)
