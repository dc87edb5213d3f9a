"""VPT-deep (Jia et al., ECCV 2022): prompts of its own before every block, and their mean for the head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pointlora.errors import ConfigError
from pointlora.methods import Method, MethodConfig, ParameterGroup, TokenSequence, TokenSet, register
from pointlora.models.backbone import Backbone


@dataclass(frozen=True)
class VptConfig(MethodConfig):
    prompts: int = 5
    penalty: float = 0.01
    lr_factor: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()  # the types of all fields
        if self.prompts < 1:
            raise ConfigError(f"prompts is {self.prompts}, but it must be 1 or more")


class Vpt(Method):
    def __init__(self, config: VptConfig, model: Backbone) -> None:
        super().__init__(config, model)
        self.loss_weight = config.penalty
        shape = (config.prompts, model.sizes.embed_dim)
        self.prompts = nn.ParameterList(nn.Parameter(0.02 * torch.randn(shape)) for _ in range(model.sizes.depth))

    def attach(self, model: Backbone) -> None:
        model.make_head(more=model.sizes.embed_dim)

    def parameter_groups(self, model: Backbone) -> list[ParameterGroup]:
        own = ParameterGroup(model.added_parameters(), lr_factor=self.config.lr_factor)
        return [ParameterGroup(model.task_parameters()), own]

    def extend(self, sequence: TokenSequence, scales: Sequence[TokenSet]) -> TokenSequence:
        prompts = self.of_block(0, sequence)
        loss = sequence.auxiliary_loss + torch.stack([each.square().mean() for each in self.prompts]).mean()
        return sequence.with_prompts(prompts, torch.zeros_like(prompts))._replace(auxiliary_loss=loss)

    def before_block(self, index: int, sequence: TokenSequence) -> TokenSequence:
        prompts = self.of_block(index, sequence)
        return sequence._replace(tokens=torch.cat([sequence.prefix, prompts, sequence.patches, sequence.others], 1))

    def of_block(self, index: int, sequence: TokenSequence) -> Tensor:
        return self.prompts[index].to(sequence.tokens.dtype).expand(len(sequence.tokens), -1, -1)

    def pool(self, features: Sequence[Tensor], sequence: TokenSequence) -> Sequence[Tensor]:
        return [*features, sequence.prompts.mean(1)]


register("vpt", Vpt, VptConfig, "prompts of its own before every block")
