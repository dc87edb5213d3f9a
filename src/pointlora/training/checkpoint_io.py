"""Training checkpoints on disk: written whole or not at all, and read without running code."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import CheckpointIO

from pointlora.atomic import write_atomically
from pointlora.errors import CheckpointError


class AtomicCheckpointIO(CheckpointIO):
    """Lightning's way to files. A full disk or a kill while writing leaves the previous file intact."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        # Serialised in memory first: torch.save wraps a full disk in a RuntimeError that doesn't name the file.
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, lambda file: file.write(buffer.getbuffer()))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        return read_checkpoint(path)

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)


def read_checkpoint(path: Any) -> dict[str, Any]:
    """A training checkpoint, on the CPU.

    Raises:
        FileNotFoundError: if there is none.
        CheckpointError: if it is damaged or isn't one.
    """
    target = Path(path)
    if not target.is_file():
        raise FileNotFoundError(2, "No such file or directory", str(target))
    try:
        checkpoint = torch.load(target, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # the unpickler, zip reader and tensor rebuilder each have their own exceptions
        raise CheckpointError(f"{target} is damaged or not a training checkpoint: delete it to start again") from error
    if not isinstance(checkpoint, dict) or not {"state_dict", "loops", "optimizer_states"} <= checkpoint.keys():
        raise CheckpointError(f"{target} is not a training checkpoint: delete it to start again")
    return checkpoint
