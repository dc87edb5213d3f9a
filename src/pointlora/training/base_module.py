"""What the Lightning modules of all tasks share: optimiser, schedule, stateless randomness, small checkpoints."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from pointlora.data.pending import finished
from pointlora.errors import CheckpointError, ConfigError
from pointlora.recipes.parts import OptimizerConfig
from pointlora.recipes.runs import RunConfig
from pointlora.training.devices.collectives import mean_over_processes
from pointlora.training.optimizer import clip_gradients, learning_rate, make_optimizer, set_learning_rate
from pointlora.training.randomness import seed_step
from pointlora.training.recalibration import Recalibration
from pointlora.training.trained_state import frozen_fingerprint, load_trained_state, trained_state


class TrainedModule(LightningModule):
    """A model in training.

    Args:
        model: what is trained; frozen parameters have `requires_grad=False`.
        optimizer: see `OptimizerConfig`.
        run: see `RunConfig`.

    Attributes:
        auxiliary_weight: weight of the tuning method's own loss.
        selection: figures of the selection split after the last epoch, in [0, 1].
        answers: what was found of each of its clouds then, in its order: name -> (n,) on the CPU.
        recalibration: of the running statistics, before the selection split is measured; None for none.
    """

    def __init__(self, model: nn.Module, optimizer: OptimizerConfig, run: RunConfig) -> None:
        super().__init__()
        self.model = model
        self.optimizer_config, self.run = optimizer, run
        self.auxiliary_weight = float(getattr(getattr(model, "method", None), "loss_weight", 0.0))
        self.fingerprint = frozen_fingerprint(model)
        self.loss_sums: dict[str, Tensor] = {}
        self.loss_count = 0
        self.selection: dict[str, float] = {}
        self.answers: dict[str, Tensor] = {}
        self.recalibration: Recalibration | None = None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return make_optimizer(self.model, self.optimizer_config)

    def configure_gradient_clipping(
        self,
        optimizer: Any,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        # Only Lightning knows what to do with gradients that lie in several processes, and doesn't wait for a GPU.
        if gradient_clip_val is None or self.device.type != "cpu" or self.trainer.world_size > 1:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)
        else:
            clip_gradients([value for group in optimizer.param_groups for value in group["params"]], gradient_clip_val)

    @property
    def epoch_lr(self) -> float:
        """Learning rate of the current epoch."""
        return learning_rate(self.current_epoch, self.run.epochs, self.optimizer_config)

    def on_train_start(self) -> None:
        # Each process has decided for itself what `auto` stands for, on machines that may differ.
        if mean_over_processes(float(self.run.precision == "bf16"), self.device) not in (0.0, 1.0):
            raise ConfigError("training.precision is auto, but the machines of this run differ: set it to 32 or bf16")

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        # A function of the position in the run, so it needs no scheduler state and holds on resuming in mid-epoch.
        optimizer = self.optimizers()
        assert isinstance(optimizer, torch.optim.Optimizer) or hasattr(optimizer, "param_groups")
        set_learning_rate(optimizer, self.epoch_lr)  # type: ignore[arg-type]
        seed_step(self.run.seed, self.global_step, self.global_rank)

    def on_validation_start(self) -> None:
        self.recalibrate()

    def on_train_epoch_end(self) -> None:
        # What no split is measured with is measured and written at the end.
        if not self.trainer.enable_validation and self.current_epoch + 1 == self.trainer.max_epochs:
            self.recalibrate()

    def recalibrate(self) -> None:
        """Compute the running statistics anew, where that is wanted."""
        if self.recalibration is not None:
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.run.precision == "bf16"):
                self.recalibration(self.model, self.device)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        return finished(batch)

    def track(self, loss: Tensor, **parts: Tensor) -> Tensor:
        """Add a step's loss, and what it is the sum of, to the epoch's means, without waiting for the device."""
        for name, value in {"train_loss": loss, **parts}.items():
            value = value.detach().double()
            self.loss_sums[name] = self.loss_sums[name].to(value.device) + value if name in self.loss_sums else value
        self.loss_count += 1
        return loss

    def take_mean_losses(self) -> tuple[dict[str, float], int]:
        """Means of all processes since the last call, `train_loss` first, and over how many steps."""
        means, steps = self._mean_losses(max(self.loss_count, 1)), self.loss_count
        self.loss_sums, self.loss_count = {}, 0
        return means, steps

    def _mean_losses(self, count: int) -> dict[str, float]:
        return {name: mean_over_processes(float(value) / count, self.device) for name, value in self.loss_sums.items()}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["state_dict"] = trained_state(self.model)
        checkpoint["frozen_fingerprint"] = self.fingerprint
        # Every process comes here, though the first one writes for all.
        checkpoint["loss"] = [self._mean_losses(1), self.loss_count]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if checkpoint.get("frozen_fingerprint") != self.fingerprint:
            raise CheckpointError(
                "the frozen weights are not those with which this run began: restore model.checkpoint, "
                "or start a new run in another --output"
            )
        sums, self.loss_count = checkpoint["loss"]
        self.loss_sums = {name: torch.tensor(value, dtype=torch.float64) for name, value in sums.items()}

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Takes what `on_save_checkpoint` wrote: the trained part only."""
        load_trained_state(self.model, state_dict)
        return nn.modules.module._IncompatibleKeys([], [])
