"""Branches beside and behind a layer, whose weights keep their names.

Putting them in place (a layer's weight stays `….qkv.weight`) means that checkpoints, fingerprints and other methods see
the same backbone before and after a method is applied.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from pointlora.errors import AdapterError
from pointlora.layers.linear import Linear, linear
from pointlora.layers.plain import are_unwatched
from pointlora.names import nearest_name
from pointlora.torch_private import move_hooks


class Branch(nn.Module):
    """Something beside or behind a layer: a function of its input x and its output y that takes the place of y.

    Several branches of a layer follow one another, each with the same x and the last one's result as y.

    A branch that has something to `tell` its method, beside what it returns, tells it to whoever did `listen` before
    the layer was called, who then hears it with `heard`: each thread its own, and once per forward.

    Attributes:
        active: whether it does anything at present.
    """

    active = True

    def __init__(self) -> None:
        super().__init__()
        self._heard: dict[int, list[Tensor]] = {}

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        raise NotImplementedError

    def listen(self) -> None:
        """Before the layer is called: keep what it tells."""
        self._heard[_thread()] = []

    def tell(self, value: Tensor) -> None:
        """Within `forward`: hand a tensor to whoever listens."""
        # What gradient checkpointing computes again, in the backward, nobody listens to.
        listening = self._heard.get(_thread())
        if listening is not None:
            listening.append(value)

    def heard(self) -> Tensor:
        """After the layer was called: what it told."""
        (value,) = self._heard.pop(_thread())
        return value


def _thread() -> int:
    return 0 if torch.compiler.is_compiling() else threading.get_ident()


class Tap(Branch):
    """Tells what goes into a layer, and changes nothing."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.tell(x)
        return y


class Scale(Branch):
    """y * gamma + beta, a factor and a summand per channel, near one and zero at the start.

    Lian et al., "Scaling & shifting your features", NeurIPS 2022.

    Args:
        width: of y.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.empty(width)), nn.Parameter(torch.empty(width))
        nn.init.normal_(self.gamma, mean=1.0, std=0.02)
        nn.init.normal_(self.beta, std=0.02)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.scaled(y)

    def scaled(self, y: Tensor) -> Tensor:
        """y * gamma + beta on (..., width)."""
        return torch.addcmul(self.beta.to(y.dtype), y, self.gamma.to(y.dtype))


class BottleneckBranch(Branch):
    """y + up(activate(down(x))) beside a linear layer, down and up linear.

    Attributes:
        stacks: whether its first layer may be stacked on that of other branches, because it reads x itself.
    """

    stacks = True

    def may_stack(self) -> bool:
        """Whether its layers may be computed together with those of others, or without calling them: it stacks, and
        nothing was hung on any of them."""
        return self.stacks and are_unwatched(self)

    def down(self) -> tuple[Tensor, Tensor | None]:
        """Weight (r, in) and bias (r,) of the first layer."""
        raise NotImplementedError

    def activate(self, hidden: Tensor) -> Tensor:
        """What lies between the layers."""
        return hidden

    def up(self) -> tuple[Tensor, Tensor | None]:
        """Weight (out, r) and bias (out,) of the last layer."""
        raise NotImplementedError

    def added(self, x: Tensor) -> Tensor:
        """What it adds to y."""
        return linear(self.activate(linear(x, *self.down())), *self.up())

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return y + self.added(x)


class BranchedLinear(nn.Linear):
    """y = W x + b, and then its branches.

    Args:
        linear: the layer to replace; its weight and bias are taken over, not copied.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__(linear.in_features, linear.out_features, linear.bias is not None, device="meta")
        self.weight = linear.weight
        self.bias = linear.bias
        self.branches = nn.ModuleDict()

    def forward(self, x: Tensor) -> Tensor:
        return _follow(self.branches.values(), x, linear(x, self.weight, self.bias), fresh=True)


def _follow(branches: Iterable[nn.Module], x: Tensor, y: Tensor, fresh: bool = False) -> Tensor:
    """What the active ones of the branches of a layer make of its input and output.

    Args:
        branches: in their order.
        x, y: input and output.
        fresh: nothing else holds y, nor needs it in the backward: it may be added to in place.
    """
    active = [cast(Branch, branch) for branch in branches if branch.active]
    stacking = [branch for branch in active if isinstance(branch, BottleneckBranch) and branch.may_stack()]
    if len(active) == len(stacking) and active:
        more = stacked(stacking, x) if len(stacking) > 1 else stacking[0].added(x)
        return y.add_(more) if fresh and y.dtype == more.dtype else y + more
    for branch in active:
        y = branch(x, y)
    return y


def stacked(branches: Sequence[BottleneckBranch], x: Tensor) -> Tensor:
    """What branches of the same x add, with one matrix product for all first layers and one for all last ones."""
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


def add_branch(model: nn.Module, name: str, branch_name: str, branch: Branch) -> None:
    """Hang a branch on the layer of that name: a linear one, a norm, an MLP, an attention, any that has one input.

    A linear layer is replaced by a branched one, which keeps its hooks; all others call their branches by a hook. Other
    hooks of the layer, older or newer, see what the branches return.

    Args:
        model: the backbone.
        name: of the layer, such as `blocks.0.attn.proj`.
        branch_name: of the branch; each of a layer has its own.
        branch: see `Branch`.

    Raises:
        AdapterError: no such layer; a branch or its name that can't be hung there; a linear layer of another class or
            with a parametrization, whose computation would be lost.
    """
    layer = _layer_to_branch(model, name)
    _check_branch(name, layer, branch_name, branch)
    if isinstance(layer, nn.Linear) and not isinstance(layer, BranchedLinear):
        parent, _, last = name.rpartition(".")
        plain, layer = layer, BranchedLinear(layer)
        move_hooks(plain, layer)
        setattr(model.get_submodule(parent), last, layer)
    elif not hasattr(layer, "branches"):
        layer.branches = nn.ModuleDict()
        layer.register_forward_hook(_follow_layer, prepend=True)
    layer.branches[branch_name] = branch


def _layer_to_branch(model: nn.Module, name: str) -> Any:
    try:
        layer: Any = model.get_submodule(name)
    except AttributeError:
        layer = model
    if layer is model:
        near = nearest_name(name, [each for each, _ in model.named_modules() if each])
        hint = f": did you mean {near!r}?" if near else ""
        raise AdapterError(f"{name!r} is no layer of the model{hint}") from None
    if isinstance(layer, (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)):
        raise AdapterError(f"{name} is a {type(layer).__name__}, which is never called, but a branch needs a layer")
    plain = type(layer) in (nn.Linear, Linear) and isinstance(layer._parameters.get("weight"), nn.Parameter)
    if isinstance(layer, nn.Linear) and not isinstance(layer, BranchedLinear) and not plain:
        raise AdapterError(
            f"{name} is a {type(layer).__name__} or has a computed weight, but a branch needs a plain linear "
            "layer: apply the method first, then quantize, prune or parametrize"
        )
    return layer


def _check_branch(name: str, layer: Any, branch_name: str, branch: Any) -> None:
    if not isinstance(branch, Branch):
        raise AdapterError(
            f"{branch_name!r} of {name} is a {type(branch).__name__}, but a branch must be of a class below "
            "pointlora.methods.Branch, with forward(x, y)"
        )
    branches = getattr(layer, "branches", {})
    if branch_name in branches:
        raise AdapterError(f"{name} has a branch {branch_name!r} already: give each branch of a layer its own name")
    if not branch_name.isidentifier() or hasattr(nn.ModuleDict, branch_name) or branch_name == "training":
        raise AdapterError(f"{branch_name!r} can't name a branch of {name}: take another word, of letters")


def _follow_layer(layer: Any, inputs: tuple[Any, ...], y: Tensor) -> Tensor:
    return _follow(layer.branches.values(), inputs[0], y)


_follow_layer.computes = True  # type: ignore[attr-defined]  # see `watching_hooks`
