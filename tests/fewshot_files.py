"""Pickles as the public few-shot folds are: three classes of ModelNet40's numbering, points with normals."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

SIZE = 16
NUMBERS = {8: "chair", 19: "lamp", 30: "sofa"}


def samples(count: int, seed: int = 0, size: int = SIZE) -> list[tuple[Any, int, str]]:
    """`count` clouds of each class, the classes taking turns: points (size, 6), label, name.

    Each class is longer along another axis, so that a model can tell them apart.
    """
    generator = np.random.default_rng([seed, count])
    found = []
    for index in range(3 * count):
        label = list(NUMBERS)[index % 3]
        points = generator.standard_normal((size, 6)).astype(np.float32)
        points[:, index % 3] *= 5
        found.append((points, label, NUMBERS[label]))
    return found


def write_fold(path: Path, content: Any = None, seed: int = 0, size: int = SIZE) -> Any:
    """Write a fold of 2 support and 4 query clouds a class, or other content; returns the content, or else the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    given = content is not None
    content = content if given else {"train": samples(2, seed, size), "test": samples(4, seed, size)}
    path.write_bytes(pickle.dumps(content))
    return path if given else content
