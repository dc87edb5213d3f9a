"""Tiny data sets on disk in every layout, and one in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pointlora.data.datasets.base import PointCloudDataset


def clouds(count: int, size: int = 16, seed: int = 0) -> np.ndarray:
    """(count, size, 3) float32 points, all different."""
    return np.random.default_rng([seed, count, size]).standard_normal((count, size, 3)).astype(np.float32)


class MemoryDataset(PointCloudDataset):
    """Clouds of any sizes in memory."""

    def __init__(self, points: Sequence[np.ndarray], labels: Sequence[int] | None = None, classes: int = 1) -> None:
        numbers = np.zeros(len(points), np.int64) if labels is None else np.array(labels, np.int64)
        names = [f"class {number}" for number in range(classes)]
        super().__init__("memory", "train", names, numbers, [f"memory[{i}]" for i in range(len(points))])
        self.points = points

    def cloud(self, index: int) -> np.ndarray:
        return self.points[index]


def write_hdf5(path: Path, points: np.ndarray, labels: np.ndarray, **names: str) -> Path:
    """An HDF5 file with `data` and `label` (or other names)."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file[names.get("data", "data")] = points
        file[names.get("label", "label")] = labels
    return path


def write_cloud(path: Path, points: np.ndarray) -> Path:
    """A text file with one point a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, points, fmt="%.6f")
    return path


def write_class_folders(root: Path, counts: dict[str, int], size: int = 8) -> Path:
    """`root/<class>/<class>_00.txt` and so on; the first coordinate of every point is the file's number."""
    for name, count in counts.items():
        for number in range(count):
            points = clouds(1, size)[0].copy()
            points[:, 0] = number
            write_cloud(root / name / f"{name}_{number:02d}.txt", points)
    return root


def one_line(error: BaseException, *parts: object) -> None:
    """Require a message of one line that holds every part."""
    message = str(error)
    assert "\n" not in message, message
    for part in parts:
        assert str(part) in message, f"{part!r} is not in {message!r}"
