"""Reading tensors from untrusted weight files."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pointlora.data.files.pickled_arrays import Refused
from pointlora.errors import CheckpointError
from pointlora.models.torch_files import read_skipping


class Weights(dict[str, Tensor]):
    """Tensors by key, and where they come from."""

    name = "the state dict"


class FileContent(dict[Any, Any]):
    """What a file holds, its name, and the dotted names of what in it was skipped."""

    name = "the state dict"
    skipped: tuple[str, ...] = ()


# Where the weights stand in the files of different codes: Point-MAE's and many after it; others; Lightning's;
# DeepSpeed's; the part segmentation codes of the first ones.
_PLACES = ("base_model", "model", "state_dict", "module", "model_state_dict")
# Names that data-parallel and compiled modules put before those of what is in them.
_WRAPPERS = re.compile(r"^(module\.|_orig_mod\.)+|(?<=\.)_orig_mod\.")


def read_weights(
    source: str | os.PathLike[str] | Mapping[str, Tensor], shapes_only: bool = False
) -> tuple[Weights, str]:
    """The tensors of a weight file or a mapping, and a name for messages; of a file their shapes only, if asked.

    What this function returned may be given to it again, and keeps its name.

    Official files are dicts {base_model, optimizer, epoch, …}; the weights are found under `base_model`, `model`,
    `state_dict`, `module` or `model_state_dict`, or at the top. Leading `module.` and `_orig_mod.` are dropped.

    Raises:
        CheckpointError: no such file, not a weight file, or no tensors in it.
    """
    content: Mapping[Any, Any] = source if isinstance(source, Mapping) else read_file(Path(source), shapes_only)
    name, skipped = getattr(content, "name", Weights.name), getattr(content, "skipped", ())
    found = next((content[key] for key in _PLACES if _holds_tensors(content.get(key))), content)
    weights = Weights({_WRAPPERS.sub("", str(key)): value for key, value in found.items() if isinstance(value, Tensor)})
    weights.name = name
    if not weights and skipped:
        raise _refused(name, f"it holds no weights beside {skipped[0]}")
    if not weights:
        raise CheckpointError(f"{name} holds no weights; its entries are {sorted(map(str, found))[:5]}")
    return weights, name


def _holds_tensors(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(inner, Tensor) for inner in value.values())


def read_file(path: Path, shapes_only: bool = False) -> FileContent:
    """The dict that a `.safetensors` or torch file holds; nothing in it is executed.

    Args:
        path: the file.
        shapes_only: give tensors on the device `meta`, without their values; otherwise on the CPU.

    Objects that are neither tensors nor plain values are skipped.

    Raises:
        CheckpointError: naming the file.
    """
    if not path.exists():
        raise CheckpointError(f"no such weight file: {path}")
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, not a weight file (an adapter folder is read by load_adapter)")
    if path.stat().st_size == 0:
        raise CheckpointError(f"{path} is empty")
    skipped: Sequence[str] = ()
    try:
        device, tensors = "meta" if shapes_only else "cpu", path.suffix == ".safetensors"
        content, skipped = (_read_safetensors(path, device), ()) if tensors else _read_torch(path, device)
    except PermissionError as error:
        raise CheckpointError(f"no permission to read {path}") from error
    except Refused as error:
        raise _refused(str(path), str(error)) from error
    except Exception as error:
        reason = str(error).split("\n")[0][:200] or type(error).__name__
        if "weights_only" in str(error):
            raise _refused(str(path), reason) from error
        raise CheckpointError(f"{path} is damaged or not a weight file: {reason}") from error
    if skipped and not isinstance(content, Mapping):
        raise _refused(str(path), f"it is {skipped[0]}, not a dict of weights")
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a dict of weights")
    result = FileContent(content)
    result.name, result.skipped = str(path), tuple(dict.fromkeys(skipped))
    return result


def _read_safetensors(path: Path, device: str) -> dict[str, Tensor]:
    from safetensors import safe_open
    from safetensors.torch import load_file

    if device != "meta":
        return load_file(path)
    with safe_open(path, "pt") as file:
        shapes = {key: file.get_slice(key).get_shape() for key in file.keys()}  # noqa: SIM118  # no mapping
    return {key: torch.empty(shape, device=device) for key, shape in shapes.items()}


def _read_torch(path: Path, device: str) -> tuple[Any, Sequence[str]]:
    """torch's own reader of plain files; where it refuses something, the one that skips it."""
    try:
        return torch.load(path, map_location=device, weights_only=True), ()
    except pickle.UnpicklingError:
        return read_skipping(path)


def _refused(name: str, reason: str) -> CheckpointError:
    return CheckpointError(f"{name} holds something that isn't weights and was refused without running it: {reason}")
