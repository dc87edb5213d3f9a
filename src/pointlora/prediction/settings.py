"""What prediction takes from an adapter's description: the place of its base, its classes, its preprocessing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointlora.errors import AdapterError, ConfigError

if TYPE_CHECKING:
    import torch

    from pointlora.data.transforms import PointTransform

AXES = ("x", "y", "z")
# As many points as a recipe may give a cloud.
_MOST_SAMPLES = 10**7


def adapter_folder(path: str | os.PathLike[str]) -> Path:
    """The adapter's own folder where `path` is that of a run that has one."""
    inside = Path(path) / "adapter"
    return inside if inside.is_dir() else Path(path)


def choose_device(name: str) -> torch.device:
    """The torch device that `auto`, `cpu` or `cuda` stands for.

    Raises:
        ConfigError: for another name, or CUDA where there is none.
    """
    import torch

    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device is {name!r}, but it must be auto, cpu or cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is 'cuda', but torch finds no CUDA device: use cpu or auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def axis_shift(up_axis: str | None, trained: str) -> int:
    """By how many columns coordinates are rolled to bring the files' up axis to that of training: a rotation.

    Raises:
        ConfigError: for an unknown axis.
    """
    if up_axis is None:
        return 0
    if up_axis not in AXES:
        raise ConfigError(f"up_axis is {up_axis!r}, but it must be x, y or z")
    return AXES.index(trained) - AXES.index(up_axis)


def read_transform(folder: str | os.PathLike[str], config: dict[str, Any]) -> PointTransform:
    """The preparation of clouds that the adapter was trained with, without augmentation.

    Raises:
        AdapterError: if it makes no sense.
    """
    from pointlora.data.transforms import PointTransform, TransformConfig

    settings = config.get("preprocessing") or {}
    try:
        kept = {key: settings[key] for key in ("num_points", "normalize", "up_axis") if key in settings}
        return PointTransform(TransformConfig(**{"num_points": 1024, **kept}), train=False)
    except (TypeError, ConfigError) as error:
        raise AdapterError(f"{folder} has a wrong preprocessing: {str(error)[:200]}") from error


def read_mesh_samples(config: dict[str, Any]) -> int | None:
    """How many points were drawn from each mesh in training, where that wasn't the default."""
    data = config.get("data")
    options = data.get("options") if isinstance(data, dict) else None
    value = options.get("mesh_samples") if isinstance(options, dict) else None
    return value if isinstance(value, int) and 0 < value <= _MOST_SAMPLES else None
