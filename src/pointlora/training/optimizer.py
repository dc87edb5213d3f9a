"""AdamW with weight decay where it belongs, and the cosine schedule with a linear warm-up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn

from pointlora.errors import ConfigError
from pointlora.recipes.parts import OptimizerConfig


def is_decayed(name: str, parameter: nn.Parameter) -> bool:
    """Whether weight decay applies: not to vectors and scalars, biases, tokens and their positions."""
    leaf = name.rsplit(".", 1)[-1]
    return parameter.ndim > 1 and leaf != "bias" and "token" not in leaf and not leaf.endswith(("_pos", "_position"))


def parameter_groups(named: Iterable[tuple[str, nn.Parameter]], weight_decay: float) -> list[dict[str, Any]]:
    """Trained parameters as two groups, without and with weight decay; an empty group is left out."""
    plain: list[nn.Parameter] = []
    decayed: list[nn.Parameter] = []
    for name, parameter in named:
        if parameter.requires_grad:
            (decayed if is_decayed(name, parameter) else plain).append(parameter)
    groups = [{"params": plain, "weight_decay": 0.0}, {"params": decayed, "weight_decay": weight_decay}]
    return [group for group in groups if group["params"]]


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over the model's trained parameters; on CPUs and NVIDIA GPUs the fused one, a single pass over memory.

    Raises:
        ConfigError: if nothing is trained.
    """
    groups = parameter_groups(model.named_parameters(), config.weight_decay)
    if not groups:
        raise ConfigError("the method trains no parameter at all: choose another method.name")
    fused = all(value.device.type in ("cpu", "cuda") for group in groups for value in group["params"])
    optimizer: Any = torch.optim.AdamW(groups, lr=config.lr, fused=True if fused else None)
    # Lightning takes a fused optimiser for one that scales gradients itself, and then refuses to clip them.
    optimizer._step_supports_amp_scaling = False
    return optimizer  # type: ignore[no-any-return]


def clip_gradients(parameters: Sequence[nn.Parameter], max_norm: float) -> None:
    """Scale all gradients by one factor so that their joint 2-norm is at most `max_norm`.

    The same digits as `torch.nn.utils.clip_grad_norm_`, which multiplies by 1 where nothing is to be scaled: here they
    are left alone then. That takes a look at the norm, for which a GPU would have to be waited for.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    if not norm + 1e-6 <= max_norm:  # not a number: torch makes all of them that
        nn.utils.clip_grads_with_norm_(parameters, max_norm, norm)


def learning_rate(epoch: int, epochs: int, config: OptimizerConfig) -> float:
    """Learning rate of a whole epoch, counted from 0.

    Linear from `warmup_lr` to `lr` over `warmup_epochs`, then a cosine from `lr` to `min_lr` whose phase counts the
    warm-up too, as in timm's `CosineLRScheduler(t_initial=epochs, warmup_t=warmup_epochs)`.
    """
    if epoch < config.warmup_epochs:
        return config.warmup_lr + epoch * (config.lr - config.warmup_lr) / config.warmup_epochs
    phase = math.pi * min(epoch, epochs) / epochs
    return config.min_lr + 0.5 * (config.lr - config.min_lr) * (1 + math.cos(phase))


def set_learning_rate(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Give every parameter group the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = value
