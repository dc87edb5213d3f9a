"""Methods that add nothing and choose which parameters are trained: all, the head, the biases and the head."""

from __future__ import annotations

import re

from pointlora.methods.settings.tuned_parts import TunedPartsConfig
from pointlora.models.backbone import Backbone
from pointlora.models.method import Method, ParameterGroup


class TunedParts(Method):
    """Train the head and the class token, and with them nothing, the biases, or everything.

    Args:
        config: see `TunedPartsConfig`.
        model: the backbone.
    """

    config: TunedPartsConfig

    def __init__(self, config: TunedPartsConfig, model: Backbone) -> None:
        super().__init__(config, model)
        self.trains = config.parts != "probe"

    def attach(self, model: Backbone) -> None:
        model.take_readout(self.config.readout)

    def parameter_groups(self, model: Backbone) -> list[ParameterGroup]:
        if self.config.parts == "probe":
            return [ParameterGroup(model.get_submodule("head").parameters())]
        every: dict[str, tuple[str, ...]] = {"all": ("",), "head": (), "biases": (".bias", "_bias")}
        ends = every[self.config.parts]
        also = re.compile("|".join(self.config.also) or r"$^")
        more = [p for name, p in model.named_parameters() if name.endswith(ends) or also.match(name)]
        return [ParameterGroup(model.task_parameters()), ParameterGroup(more)]
