"""A linear layer with branches beside it, which keeps the name of its own weight.

Replacing a layer in place (its weight stays `….qkv.weight`) means that checkpoints, fingerprints and other methods see
the same backbone before and after a method is applied.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F


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
        y = F.linear(x, self.weight, self.bias)
        for branch in self.branches.values():
            y = y + branch(x)
        return y


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
