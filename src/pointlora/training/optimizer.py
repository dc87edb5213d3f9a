"""AdamW with weight decay where it belongs, and the cosine schedule with a linear warm-up."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from pointlora.errors import ConfigError
from pointlora.models.backbone import Backbone
from pointlora.recipes.parts import OptimizerConfig


def is_decayed(name: str, parameter: nn.Parameter) -> bool:
    """Whether weight decay applies: not to vectors and scalars, biases, tokens and their positions."""
    leaf = name.rsplit(".", 1)[-1]
    return parameter.ndim > 1 and leaf != "bias" and "token" not in leaf and not leaf.endswith(("_pos", "_position"))


def parameter_groups(
    named: Iterable[tuple[str, nn.Parameter]], weight_decay: float, factors: Mapping[int, float] | None = None
) -> list[dict[str, Any]]:
    """Trained parameters as two groups, without and with weight decay, for each factor of the learning rate; an empty
    group is left out.

    Args:
        named: parameters by name.
        weight_decay: of the second group.
        factors: `id` of a parameter -> its factor, where that isn't 1.
    """
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    for name, parameter in named:
        if parameter.requires_grad:
            key = (factors or {}).get(id(parameter), 1.0), is_decayed(name, parameter)
            new = {"params": [], "weight_decay": weight_decay if key[1] else 0.0, "lr_factor": key[0]}
            groups.setdefault(key, new)["params"].append(parameter)
    return [groups[key] for key in sorted(groups)]


def learning_rate_factors(model: nn.Module) -> dict[int, float]:
    """`id` of each parameter -> the factor of the learning rate that the model's tuning method gives it."""
    if not isinstance(model, Backbone):
        return {}
    groups = model.method.parameter_groups(model)
    return {id(parameter): group.lr_factor for group in groups for parameter in group.parameters}


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over the model's trained parameters; on CPUs and NVIDIA GPUs the fused one, a single pass over memory.

    Raises:
        ConfigError: if nothing is trained.
    """
    groups = parameter_groups(model.named_parameters(), config.weight_decay, learning_rate_factors(model))
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
    """Give every parameter group this learning rate, times its own factor."""
    for group in optimizer.param_groups:
        group["lr"] = value * group.get("lr_factor", 1.0)
