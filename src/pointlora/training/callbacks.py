"""What happens around the epochs of a run: its history, its best epoch, its checkpoints, its one line of progress."""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from torch import Tensor, nn

from pointlora.training.base_module import TrainedModule
from pointlora.training.memory import peak_memory
from pointlora.training.run_folder import RunFolder
from pointlora.training.trained_state import trained_state


class BestEpoch(Callback):
    """Keeps the trained weights of the epoch with the highest figure on the selection split; the first of equals.

    The weights travel in the checkpoint, so that the choice survives a resume, whatever was lost with the kill.

    Args:
        criterion: name of the figure.
        patience: end the run after so many epochs without a higher figure; None for never.

    Attributes:
        value: the figure of the best epoch, in [0, 1].
        epoch: its number, from 0 on; -1 for the start.
        weights: what it had trained.
    """

    def __init__(self, criterion: str = "accuracy", patience: int | None = None) -> None:
        self.criterion, self.patience = criterion, patience
        self.value = -1.0
        self.epoch = -1
        self.weights: dict[str, Tensor] = {}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainedModule)
        value = pl_module.selection.get(self.criterion)
        if value is not None:
            self.offer(value, trainer.current_epoch, pl_module.model)
        self._stop(trainer, trainer.current_epoch)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # The run was killed between its last epoch and its end.
        self._stop(trainer, trainer.current_epoch - 1)

    def _stop(self, trainer: Trainer, epoch: int) -> None:
        if self.patience is not None and epoch - self.epoch >= self.patience:
            trainer.should_stop = True

    def offer(self, value: float, epoch: int, model: nn.Module) -> None:
        """Keep the weights of the model if the figure is higher than all before; epoch -1 is before the first."""
        if value > self.value:
            self.value, self.epoch, self.weights = value, epoch, trained_state(model)

    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value, "epoch": self.epoch, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.value, self.epoch = state_dict["value"], state_dict["epoch"]
        self.weights = state_dict["weights"]


class History(Callback):
    """One row of figures per epoch, in metrics.csv, in the logger, and as a line where there is no progress bar.

    Args:
        folder: of the run.
        best: the best epoch's keeper; None where no epoch is chosen.
        lines: print a line an epoch.

    Attributes:
        rows: a mapping an epoch.
        before_epochs: seconds that fitting the head took.
        memory: the highest of processes that were interrupted, as `peak_memory` tells it.
    """

    def __init__(self, folder: RunFolder, best: BestEpoch | None, lines: bool = True) -> None:
        self.folder, self.best, self.lines = folder, best, lines
        self.rows: list[dict[str, Any]] = []
        self.before_epochs, self.memory = 0.0, dict[str, float | None]()
        self._of_epoch = 0.0
        self._clock = self._begin = self._end = time.perf_counter()

    @property
    def seconds_per_step(self) -> float:
        """Mean over the run of an epoch's time, validation included, divided by its steps."""
        steps = sum(row["steps"] for row in self.rows)
        return sum(row["seconds"] for row in self.rows) / max(steps, 1)

    @property
    def median_seconds_per_step(self) -> float:
        """Median over the epochs of the time of training, without validation, divided by its steps."""
        times = [row.get("train_seconds", row["seconds"]) / max(row["steps"], 1) for row in self.rows]
        return statistics.median(times) if times else 0.0

    @property
    def seconds(self) -> float:
        """Time of fitting the head and of all epochs, of those before an interruption too."""
        return self.before_epochs + float(sum(row["seconds"] for row in self.rows))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Lightning goes on within an epoch without a word of its start.
        self._clock = self._begin = time.perf_counter() - self._of_epoch
        self._end = 0.0

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin, self._end = time.perf_counter() - self._of_epoch, 0.0

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if pl_module.device.type == "cuda":  # whose steps may still be running
            torch.cuda.synchronize(pl_module.device)
        self._end = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainedModule)
        losses, steps = pl_module.take_mean_losses()
        row: dict[str, Any] = {"epoch": trainer.current_epoch + 1, "lr": pl_module.epoch_lr, **losses}
        row |= {f"selection_{name}": value for name, value in pl_module.selection.items()}
        before, self._clock, self._of_epoch = self._clock, time.perf_counter(), 0.0
        training = (self._end or self._clock) - self._begin
        row |= {"steps": steps, "seconds": round(self._clock - before, 3), "train_seconds": round(training, 4)}
        self.rows.append(row)
        if not trainer.is_global_zero:
            return
        self.folder.write_history(self.rows)
        for logger in trainer.loggers:
            logger.log_metrics({key: value for key, value in row.items() if key != "epoch"}, step=row["epoch"])
        if self.lines:
            print(self._line(row, trainer.max_epochs or 0), file=sys.stderr, flush=True)

    def _line(self, row: dict[str, Any], epochs: int) -> str:
        parts = [f"epoch {row['epoch']}/{epochs}", f"loss {row['train_loss']:.4f}"]
        if self.best is not None:
            name = self.best.criterion
            parts.append(f"{name.replace('_miou', ' mIoU')} {100 * row[f'selection_{name}']:.2f} %")
            parts.append(f"best {100 * self.best.value:.2f} % (epoch {self.best.epoch + 1})")
        return "  ".join([*parts, f"{row['seconds']:.1f} s"])

    def state_dict(self) -> dict[str, Any]:
        seconds = {"epoch": time.perf_counter() - self._clock, "before": self.before_epochs}
        return {"rows": self.rows, "seconds": seconds, "memory": peak_memory(self.memory)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]
        # Checkpoints of earlier releases have the rows alone.
        seconds = state_dict.get("seconds", {})
        self._of_epoch, self.before_epochs = seconds.get("epoch", 0.0), seconds.get("before", 0.0)
        self.memory = state_dict.get("memory", {})


class LastCheckpoint(Checkpoint):
    """Writes last.ckpt at the end of every epoch, and every so many steps within it.

    Lightning runs `Checkpoint` callbacks after all others, so the history and the best epoch are up to date in it.
    """

    def __init__(self, folder: RunFolder, every_steps: int | None) -> None:
        self.folder, self.every_steps = folder, every_steps

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # The last step of an epoch is left to the end of the epoch, after validation.
        inside = batch_idx + 1 < trainer.num_training_batches
        if self.every_steps is not None and inside and trainer.global_step % self.every_steps == 0:
            trainer.save_checkpoint(self.folder.last)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.save_checkpoint(self.folder.last)
