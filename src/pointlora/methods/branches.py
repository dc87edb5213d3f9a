"""A linear layer with branches beside it, which keeps the name of its own weight.

Replacing a layer in place (its weight stays `….qkv.weight`) means that checkpoints, fingerprints and other methods see
the same backbone before and after a method is applied.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from pointlora.layers.linear import linear


class BranchedLinear(nn.Linear):
    """y = W x + b + the sum of the branches of x.

    Args:
        linear: the layer to replace; its weight and bias are taken over, not copied.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
        self.weight = linear.weight
        self.bias = linear.bias
        self.branches = nn.ModuleDict()

    def forward(self, x: Tensor) -> Tensor:
        y = linear(x, self.weight, self.bias)
        branches = [cast(Branch, branch) for branch in self.branches.values() if branch.active]
        if len(branches) > 1 and all(branch.stacks for branch in branches):
            return _add(y, stacked(branches, x))
        for branch in branches:
            y = _add(y, branch(x))
        return y


def _add(y: Tensor, more: Tensor) -> Tensor:
    """Their sum, in place where the type stays the same: nothing else holds y, which a layer has just computed."""
    return y.add_(more) if y.dtype == more.dtype else y + more


class Branch(nn.Module):
    """A branch up(activate(down(x))) beside a linear layer, down and up linear.

    Attributes:
        active: whether it adds anything at present.
        stacks: whether its first layer may be stacked on that of other branches, because it reads x itself.
    """

    active = True
    stacks = True

    def down(self) -> tuple[Tensor, Tensor | None]:
        """Weight (r, in) and bias (r,) of the first layer."""
        raise NotImplementedError

    def activate(self, hidden: Tensor) -> Tensor:
        """What lies between the layers."""
        return hidden

    def up(self) -> tuple[Tensor, Tensor | None]:
        """Weight (out, r) and bias (out,) of the last layer."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return linear(self.activate(linear(x, *self.down())), *self.up())


def stacked(branches: Sequence[Branch], x: Tensor) -> Tensor:
    """The sum of branches of the same x, with one matrix product for all first layers and one for all last ones."""
    downs, ups = [branch.down() for branch in branches], [branch.up() for branch in branches]
    sizes = [len(weight) for weight, _ in downs]
    biases = [weight.new_zeros(len(weight)) if bias is None else bias for weight, bias in downs]
    hidden = linear(x, torch.cat([weight for weight, _ in downs]), torch.cat(biases))
    parts = [branch.activate(part) for branch, part in zip(branches, hidden.split(sizes, -1), strict=True)]
    bias = sum((bias for _, bias in ups if bias is not None), start=torch.zeros((), device=x.device))
    weight = torch.cat([weight for weight, _ in ups], 1)
    return linear(torch.cat(parts, -1), weight, bias if bias.ndim else None)


def find_linears(model: nn.Module, targets: tuple[str, ...]) -> Iterator[tuple[str, nn.Linear]]:
    """Linear layers inside `model.blocks` whose name ends with one of `targets`, with their full names."""
    ends = tuple(f".{target}" for target in targets)
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear) and name.startswith("blocks.") and name.endswith(ends):
            yield name, module


def add_branch(model: nn.Module, name: str, branch_name: str, branch: nn.Module) -> None:
    """Hang a branch on the linear layer of that name, replacing a plain layer by a branched one first."""
    layer = model.get_submodule(name)
    if not isinstance(layer, BranchedLinear):
        assert isinstance(layer, nn.Linear)
        parent, _, last = name.rpartition(".")
        layer = BranchedLinear(layer)
        setattr(model.get_submodule(parent), last, layer)
    layer.branches[branch_name] = branch
