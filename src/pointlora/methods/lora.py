"""Low-rank adaptation of linear layers (Hu et al., "LoRA", ICLR 2022; rank-stabilised: Kalajdzievski, 2023)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from pointlora.errors import AdapterError, ConfigError
from pointlora.methods.branches import BottleneckBranch, BranchedLinear, add_branch, find_linears


class LoraBranch(BottleneckBranch):
    """scaling * B A dropout(x): A (r, in) starts Kaiming-uniform, B (out, r) at zero, so the branch starts at zero.

    Args:
        layer: the linear layer beside which it stands.
        rank: r.
        scaling: alpha / r, or alpha / sqrt(r).
        dropout: rate on the input in training.
    """

    def __init__(self, layer: nn.Linear, rank: int, scaling: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.A = nn.Parameter(layer.weight.new_empty(rank, layer.in_features))
        self.B = nn.Parameter(layer.weight.new_zeros(layer.out_features, rank))
        self.scaling = scaling
        self.dropout = nn.Dropout(dropout)
        self.merged = False
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))

    @property
    def active(self) -> bool:  # type: ignore[override]
        return not self.merged

    @property
    def stacks(self) -> bool:  # type: ignore[override]
        return not self.training or self.dropout.p == 0

    def down(self) -> tuple[Tensor, None]:
        return self.A, None

    def up(self) -> tuple[Tensor, None]:
        return (self.B if self.scaling == 1 else self.B * self.scaling), None

    def added(self, x: Tensor) -> Tensor:
        return super().added(self.dropout(x))

    def delta(self) -> Tensor:
        """The update of the weight, (out, in)."""
        return (self.B.double() @ self.A.double() * self.scaling).to(self.B.dtype)

    def merge_into(self, weight: Tensor) -> None:
        """Change the layer's weight (out, in), in place, to what layer and branch compute together."""
        weight += self.delta()

    def take_out_of(self, weight: Tensor) -> None:
        """Undo `merge_into`, up to rounding."""
        weight -= self.delta()

    def extra_repr(self) -> str:
        return f"rank={self.A.shape[0]}, scaling={self.scaling:g}, merged={self.merged}"


def add_lora(
    model: nn.Module,
    targets: tuple[str, ...],
    rank: int,
    scaling: float,
    dropout: float,
    first_block: int = 0,
    kind: type[LoraBranch] = LoraBranch,
) -> list[str]:
    """Put a LoRA branch of a kind beside every linear layer of the blocks whose name ends with one of `targets`.

    Blocks before `first_block` get none: a backward pass then ends there, if nothing before it is trained.

    Returns:
        the full names of the adapted layers.

    Raises:
        ConfigError: a target that names no layer, or a rank above a layer's width.
    """
    found = dict(find_linears(model, targets))
    for target in targets:
        if not any(name.endswith(f".{target}") for name in found):
            names = sorted({name.rsplit(".", 1)[-1] for name, m in model.named_modules() if isinstance(m, nn.Linear)})
            raise ConfigError(
                f"LoRA target {target!r} names no linear layer of the blocks; there are {', '.join(names)}"
            )
    adapted = {name: layer for name, layer in found.items() if int(name.split(".")[1]) >= first_block}
    for name, layer in adapted.items():
        if rank > min(layer.weight.shape):
            raise ConfigError(f"rank {rank} is larger than the width {min(layer.weight.shape)} of {name}")
        add_branch(model, name, "lora", kind(layer, rank, scaling, dropout))
    return list(adapted)


@torch.no_grad()
def merge_lora(model: nn.Module) -> nn.Module:
    """Fold every low-rank update into its layer's weight, in place; the branch then costs nothing.

    Returns:
        the model.

    Raises:
        AdapterError: no LoRA, or merged already.
    """
    for layer, branch in _lora_layers(model, merged=False):
        branch.merge_into(layer.weight)
        branch.merged = True
    return model


@torch.no_grad()
def unmerge_lora(model: nn.Module) -> nn.Module:
    """Undo `merge_lora`, up to rounding.

    Raises:
        AdapterError: no LoRA, or not merged.
    """
    for layer, branch in _lora_layers(model, merged=True):
        branch.take_out_of(layer.weight)
        branch.merged = False
    return model


def is_merged(model: nn.Module) -> bool:
    """Whether any low-rank update is folded into its weight."""
    return any(isinstance(module, LoraBranch) and module.merged for module in model.modules())


def _lora_layers(model: nn.Module, merged: bool) -> list[tuple[BranchedLinear, LoraBranch]]:
    layers = [module for module in model.modules() if isinstance(module, BranchedLinear) and "lora" in module.branches]
    if not layers:
        raise AdapterError("the model has no LoRA: call apply_method first")
    pairs = []
    for layer in layers:
        branch = layer.branches["lora"]
        assert isinstance(branch, LoraBranch)
        if branch.merged != merged:
            raise AdapterError("LoRA is merged already" if branch.merged else "LoRA is not merged")
        pairs.append((layer, branch))
    return pairs
