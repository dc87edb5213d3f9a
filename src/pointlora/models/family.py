"""What a backbone family is: its default sizes, its networks, and the official files it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from pointlora.models.layouts import Layout
from pointlora.models.sizes import Sizes


@dataclass(frozen=True)
class Family:
    """One registered model.

    Attributes:
        name: what `create_model` is asked for.
        description: one line for `list_models` and the documentation.
        sizes: the published sizes.
        tasks: task -> builder; a builder takes the sizes and the task's own options.
        layouts: official file layouts that load into it.
    """

    name: str
    description: str
    sizes: Sizes
    tasks: Mapping[str, Callable[..., nn.Module]]
    layouts: tuple[Layout, ...]
