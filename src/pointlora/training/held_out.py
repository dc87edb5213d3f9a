"""What a run that holds out a fold finds of each held-out cloud, at its start and after each epoch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from pointlora.atomic import write_atomically
from pointlora.errors import ConfigError
from pointlora.training.base_module import TrainedModule


class HeldOutAnswers(Callback):
    """Keeps the answers of every validation; they travel in the checkpoint, so that a resumed run has those before.

    Attributes:
        steps: number of epochs, 0 for the start where it was measured -> `TrainedModule.answers` after so many.
    """

    def __init__(self) -> None:
        self.steps: dict[int, dict[str, Tensor]] = {}

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        assert isinstance(pl_module, TrainedModule)
        self.steps[trainer.current_epoch + 1] = pl_module.answers

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.steps = state_dict["steps"]

    def write(self, path: Path) -> None:
        """All of them in one file.

        Raises:
            OSError: if it can't be written.
        """
        tensors = {f"{step}.{name}": value for step, found in self.steps.items() for name, value in found.items()}
        write_atomically(path, lambda file: file.write(save(tensors)))


def read_answers(path: Path, epochs: int, count: int, names: Sequence[str]) -> dict[str, Tensor]:
    """The answers after so many epochs, the last ones of a run that ended before.

    Args:
        path: written by `HeldOutAnswers`.
        epochs: 0 for the start.
        count: of held-out clouds.
        names: of the answers that are wanted.

    Returns:
        name -> (count,).

    Raises:
        ConfigError: if the file is missing or damaged, or hasn't got them.
    """
    fix = f"delete {path.parent} to run it again"
    try:
        tensors = load(path.read_bytes())
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is missing: {fix}") from error
    except SafetensorError as error:
        raise ConfigError(f"{path} is damaged ({error}): {fix}") from error
    last = max((int(key.partition(".")[0]) for key in tensors), default=0)
    prefix = f"{min(epochs, last)}."
    found = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
    if not {*names} <= {*found} or any(len(value) != count for value in found.values()):
        raise ConfigError(f"{path} has no answers after {min(epochs, last)} epochs for {count} clouds: {fix}")
    return found
