"""Reading tensors from untrusted weight files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pointlora.errors import CheckpointError


class Weights(dict[str, Tensor]):
    """Tensors by key, and where they come from."""

    name = "the state dict"


def read_weights(
    source: str | os.PathLike[str] | Mapping[str, Tensor], shapes_only: bool = False
) -> tuple[Weights, str]:
    """The tensors of a weight file or a mapping, and a name for messages; of a file their shapes only, if asked.

    What this function returned may be given to it again, and keeps its name.

    Official files are dicts {base_model, optimizer, epoch, …}; the weights are found under `base_model`, `model` or
    `state_dict`, or at the top. A leading `module.` is dropped.

    Raises:
        CheckpointError: no such file, not a weight file, a file that would run code, or no tensors in it.
    """
    if isinstance(source, Mapping):
        content, name = dict(source), getattr(source, "name", "the state dict")
    else:
        path = Path(source)
        name = str(path)
        content = read_file(path, shapes_only)
    for key in ("base_model", "model", "state_dict"):
        if isinstance(content.get(key), Mapping):
            content = dict(content[key])
            break
    weights = Weights({str(k).removeprefix("module."): v for k, v in content.items() if isinstance(v, Tensor)})
    weights.name = name
    if not weights:
        raise CheckpointError(f"{name} holds no weights; its entries are {sorted(map(str, content))[:5]}")
    return weights, name


def read_file(path: Path, shapes_only: bool = False) -> dict[Any, Any]:
    """The dict that a `.safetensors` or torch file holds; nothing in it is executed.

    Args:
        path: the file.
        shapes_only: give tensors on the device `meta`, without their values; otherwise on the CPU.

    Raises:
        CheckpointError: naming the file.
    """
    if not path.exists():
        raise CheckpointError(f"no such weight file: {path}")
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, not a weight file (an adapter folder is read by load_adapter)")
    if path.stat().st_size == 0:
        raise CheckpointError(f"{path} is empty")
    try:
        device = "meta" if shapes_only else "cpu"
        content = _read_safetensors(path, device) if path.suffix == ".safetensors" else _read_torch(path, device)
    except PermissionError as error:
        raise CheckpointError(f"no permission to read {path}") from error
    except Exception as error:
        reason = str(error).split("\n")[0][:200] or type(error).__name__
        if "weights_only" in str(error) or "WeightsUnpickler" in str(error) or "Unsupported" in reason:
            raise CheckpointError(
                f"{path} holds something that isn't weights and was refused without running it: {_offender(error)}"
            ) from error
        raise CheckpointError(f"{path} is damaged or not a weight file: {reason}") from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a dict of weights")
    return dict(content)


def _read_safetensors(path: Path, device: str) -> dict[str, Tensor]:
    from safetensors import safe_open
    from safetensors.torch import load_file

    if device != "meta":
        return load_file(path)
    with safe_open(path, "pt") as file:
        shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118  # no mapping
    return {key: torch.empty(shape, device=device) for key, shape in shapes.items()}


def _read_torch(path: Path, device: str) -> Any:
    """torch.load with weights only; numpy's plain scalars, which official files keep as metrics, are data too."""
    from numpy.dtypes import Float32DType, Float64DType, Int64DType

    scalar = np.float64(0).__reduce__()[0]
    allowed = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    with torch.serialization.safe_globals([*allowed, np.dtype, Float32DType, Float64DType, Int64DType]):
        return torch.load(path, map_location=device, weights_only=True)


def _offender(error: Exception) -> str:
    """The part of torch's long message that names what was found."""
    lines = [line.strip() for line in str(error).replace("`", "'").split("\n")]
    found = next((line for line in lines if "GLOBAL" in line or "Unsupported" in line), lines[0])
    return found[:200]
