"""What tuning arrives at, taken less literally: the mean of the last steps, or a point between start and end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from pointlora.training.trained_state import load_trained_state, trained_state

# How much of the way from the start, 0, to the end of tuning, 1, is tried; of equals the furthest is taken: with few
# clouds to choose by there are many, and on average tuning is better than the start.
FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0)


class MovingAverage(Callback):
    """An exponential moving average of what is trained; it takes the place of the weights where these are measured,
    and in the end.

    Its memory grows with the steps (1 + t) / (10 + t) up to `decay`, so that it doesn't hang on the start.

    Args:
        decay: share that each step keeps of the average, in (0, 1).
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.weights: dict[str, Tensor] = {}
        self._aside: dict[str, Tensor] = {}

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        step = trainer.global_step
        share = 1 - min(self.decay, (1 + step) / (10 + step))
        for name, parameter in _trained(pl_module):
            old = self.weights.get(name)
            self.weights[name] = parameter.clone() if old is None else old.to(parameter.device).lerp_(parameter, share)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._aside = {name: parameter.clone() for name, parameter in _trained(pl_module)}
        _put(pl_module, self.weights)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        _put(pl_module, self._aside)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.enable_validation and trainer.current_epoch + 1 == trainer.max_epochs:
            _put(pl_module, self.weights)

    def state_dict(self) -> dict[str, Any]:
        return {"weights": {name: value.cpu() for name, value in self.weights.items()}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.weights = state_dict["weights"]


class Start(Callback):
    """Keeps what a run began with, through interruptions.

    Args:
        model: before the first step.
        figure: of the selection split then, where it was measured.
        answers: of each of its clouds then, `TrainedModule.answers`.
    """

    def __init__(self, model: nn.Module, figure: float | None = None, answers: dict[str, Tensor] | None = None) -> None:
        self.weights, self.figure, self.answers = trained_state(model), figure, answers or {}

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.weights, "figure": self.figure, "answers": self.answers}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.weights, self.figure = state_dict["weights"], state_dict["figure"]
        self.answers = state_dict.get("answers", {})


def interpolated(start: Mapping[str, Tensor], end: Mapping[str, Tensor], factor: float) -> dict[str, Tensor]:
    """A trained state on the way from the start to the end (Wortsman et al., "Robust fine-tuning", CVPR 2022).

    LoRA's update B A is scaled by the factor, as is the change of everything else: B starts at zero, and A is that of
    the end. PiSSA's factors, neither of which starts at zero, go from start to end both.
    """
    found = {}
    for name, value in end.items():
        scaled = name.endswith(".branches.lora.A") and f"{name[:-1]}start_A" not in end
        kept = scaled or not value.is_floating_point()
        found[name] = value if kept else torch.lerp(start[name], value, factor)
    return found


def best_factor(
    model: nn.Module, start: Mapping[str, Tensor], end: Mapping[str, Tensor], measure: Callable[[], float]
) -> tuple[float, float]:
    """Leaves the model at the point between start and end where it is best.

    Args:
        model: the model.
        start, end: states of it.
        measure: its figure, with the weights that it has then.

    Returns:
        the factor, and its figure.
    """
    figures = {}
    for factor in FACTORS:
        load_trained_state(model, interpolated(start, end, factor))
        figures[factor] = measure()
    best = max(FACTORS, key=lambda factor: (figures[factor], factor))
    load_trained_state(model, interpolated(start, end, best))
    return best, figures[best]


def _trained(pl_module: LightningModule) -> list[tuple[str, Tensor]]:
    model: Any = pl_module.model
    return [(name, value.detach()) for name, value in model.named_parameters() if value.requires_grad]


@torch.no_grad()
def _put(pl_module: LightningModule, weights: Mapping[str, Tensor]) -> None:
    for name, parameter in _trained(pl_module):
        if name in weights:
            parameter.copy_(weights[name])
