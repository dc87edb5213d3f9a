"""What the backward makes again instead of keeping it, where a network is frozen.

A frozen layer needs no gradient of its weight, so what lies inside it is wanted only once more in the backward, and can
be had for a fraction of the forward's time. A recipe says how. It hangs on a tensor as long as nobody changes it, and
whoever would keep that tensor for the backward keeps what the recipe needs instead. Parts where that takes some time
have an attribute `recomputes`, which `pointlora.training.checkpointing` sets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pointlora import fast_paths
from pointlora.torch_private import version

_NAME = "_pointlora_recipe"


class Recipe(NamedTuple):
    """How a tensor is made again.

    Attributes:
        sources: the tensors that it takes, without gradient.
        make: from these, in their order, to the tensor.
    """

    sources: tuple[Tensor, ...]
    make: Callable[..., Tensor]


def recipe(sources: tuple[Tensor, ...], make: Callable[..., Tensor]) -> Recipe:
    """A recipe; of the sources it takes the values only, and notices when one is changed in place."""
    return Recipe(tuple(source.detach() for source in sources), make)


def remember(tensor: Tensor, found: Recipe) -> Tensor:
    """Hang a recipe on a tensor, as it is now; views and copies of the tensor don't have it."""
    setattr(tensor, _NAME, (found, version(tensor)))
    return tensor


def recipe_of(tensor: Tensor) -> Recipe | None:
    """The tensor's recipe, if it has one and wasn't changed in place since it got it."""
    if torch.compiler.is_compiling():
        return None
    found, since = getattr(tensor, _NAME, (None, None))
    return found if since == version(tensor) else None


def keep(context: Any, tensor: Tensor | None, found: Recipe | None, *others: Tensor | None) -> None:
    """In an autograd function's forward: save `others`, and the tensor or what its recipe needs."""
    context.make = None if found is None else found.make
    context.save_for_backward(*others, *((tensor,) if found is None else found.sources))


def kept(context: Any, count: int) -> tuple[list[Any], Callable[[], Tensor]]:
    """In its backward: the `count` others, and a function that gives the tensor, or makes it again."""
    saved = context.saved_tensors
    others, sources, make = list(saved[:count]), saved[count:], context.make
    return others, lambda: sources[0] if make is None else make(*sources)


def is_recomputed(wanted: bool, part: nn.Module, *inputs: Tensor) -> bool:
    """Whether a part shall be computed again in the backward: that is wanted, it is frozen, and its input isn't."""
    return has_backward(*inputs, wanted=wanted) and is_frozen(part)


def has_backward(*inputs: Tensor, wanted: bool = True) -> bool:
    """Whether something is computed of the inputs, if that is wanted, through which a gradient will go, uncompiled."""
    return (
        wanted
        and not torch.compiler.is_compiling()
        and fast_paths.enabled()
        and torch.is_grad_enabled()
        and any(tensor.requires_grad for tensor in inputs)
    )


def is_frozen(part: nn.Module) -> bool:
    """Whether no parameter of it is trained."""
    return not any(parameter.requires_grad for parameter in part.parameters())
