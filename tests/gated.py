"""A gate on what each attention adds, and the mean of the patches as one more feature for the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pointlora.methods import (
    Branch,
    Method,
    MethodConfig,
    ParameterGroup,
    TokenSequence,
    TokenSet,
    add_branch,
    register,
)
from pointlora.models.backbone import Backbone


@dataclass(frozen=True)
class GatedConfig(MethodConfig):
    """Settings; each has a default.

    Attributes:
        start: of the gates, before the sigmoid.
        penalty: weight of the loss, the mean of all gates.
        lr_factor: how much faster the gates learn than the head.
        tokenizer_batchnorm: `batch` or `frozen`.
    """

    start: float = 2.0
    penalty: float = 0.01
    lr_factor: float = 10.0
    tokenizer_batchnorm: str = "frozen"


class Gate(Branch):
    """y * sigmoid(gate): a branch has the layer's input x and its output y, and returns what takes the place of y."""

    def __init__(self, width: int, start: float) -> None:
        super().__init__()
        self.gate = nn.Parameter(torch.full((width,), start))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return y * self.gate.sigmoid().to(y.dtype)


class Gated(Method):
    """Gates behind `proj` of every attention."""

    def __init__(self, config: GatedConfig, model: Backbone) -> None:
        super().__init__(config, model)
        self.loss_weight = config.penalty
        sizes = model.sizes
        # In a tuple, not in a ModuleList: the model owns them, as branches of its layers.
        self.gates = tuple(Gate(sizes.embed_dim, config.start) for _ in range(sizes.depth))

    def attach(self, model: Backbone) -> None:
        for index, gate in enumerate(self.gates):
            add_branch(model, f"blocks.{index}.attn.proj", "gate", gate)
        model.make_head(more=model.sizes.embed_dim)  # as `pool` returns one feature more

    def parameter_groups(self, model: Backbone) -> list[ParameterGroup]:
        return [
            ParameterGroup(model.task_parameters()),  # the head and the class token
            ParameterGroup(model.added_parameters(), lr_factor=self.config.lr_factor),
        ]

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> TokenSequence:
        return sequence._replace(auxiliary_loss=torch.stack([gate.gate.sigmoid().mean() for gate in self.gates]).mean())

    def pool(self, features: Sequence[Tensor], sequence: TokenSequence) -> Sequence[Tensor]:
        return [*features, sequence.patches.mean(1)]


register("gated", Gated, GatedConfig, "gates behind proj, and one more feature for the head")
