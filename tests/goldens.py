"""Golden files: inputs and outputs of the official networks, and their reproducible weights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

FOLDER = Path(__file__).parent / "golden"


@dataclass
class Golden:
    """One golden file.

    Attributes:
        meta: configuration, key shapes, counts and gradient norms.
        arrays: inputs and outputs as tensors.
    """

    meta: dict[str, Any]
    arrays: dict[str, Tensor]

    def __getitem__(self, name: str) -> Tensor:
        return self.arrays[name]

    @property
    def state_dict(self) -> dict[str, Tensor]:
        """The official network's weights."""
        return {name: weight_of(name, tuple(shape)) for name, shape in self.meta["shapes"].items()}


def load_golden(name: str) -> Golden:
    """Read `tests/golden/<name>.npz`."""
    with np.load(FOLDER / f"{name}.npz") as file:
        meta = json.loads(str(file["meta"]))
        arrays = {key: torch.from_numpy(file[key]) for key in file.files if key != "meta"}
    return Golden(meta, arrays)


def weight_of(name: str, shape: tuple[int, ...]) -> Tensor:
    """The weight that stands under an official key: normal numbers seeded by the key's name, scaled by its kind."""
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    values = np.random.default_rng(seed).standard_normal(shape)
    if len(shape) >= 2:
        values = values / np.sqrt(np.prod(shape[1:]))
    elif name.endswith("running_var"):
        values = 1 + 0.1 * np.abs(values)
    elif name.endswith("weight"):
        values = 1 + 0.1 * values
    else:
        values = 0.1 * values
    return torch.from_numpy(np.asarray(values, dtype=np.float32))
