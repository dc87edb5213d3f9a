"""The pickle of a few-shot fold: {train: [(points (N, C), label, name), ...], test: [...]}."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.limits import damaged, data_error
from pointlora.data.files.numpy_pickle import read_numpy_pickle
from pointlora.data.files.pickled_arrays import array_of
from pointlora.errors import DataError


def read_fold_pickle(path: Path) -> dict[str, NDArray]:
    """The arrays of a fold, as a data set `npz` has them: points (n, N, 3) float32, labels, classes, is_test.

    Labels are numbered 0, 1, … in the order of the file's own. Classes have the names of the file where each label has
    exactly one.

    Raises:
        DataError: if it can't be read, would run code, or holds something else.
    """
    content = read_numpy_pickle(path)
    if not isinstance(content, dict) or not all(isinstance(content.get(part), list) for part in ("train", "test")):
        raise _not_a_fold(path, "it holds no lists 'train' and 'test'")
    samples = [*content["train"], *content["test"]]
    if not content["train"] or not content["test"]:
        raise _not_a_fold(path, "one of its lists is empty")
    points, labels, names = [], [], []
    for number, sample in enumerate(samples):
        cloud, label, name = _sample(path, number, sample)
        points.append(cloud)
        labels.append(label)
        names.append(name)
    if len({len(cloud) for cloud in points}) != 1:
        raise _not_a_fold(path, "its clouds have different sizes")
    found, numbers = np.unique(np.array(labels, np.int64), return_inverse=True)
    trained = set(numbers[: len(content["train"])].tolist())
    if len(trained) != len(found):
        raise _not_a_fold(path, "a class of its test part isn't in its training part")
    return {
        "points": np.stack(points),
        "labels": numbers.astype(np.int64),
        "classes": np.array(_class_names(found.tolist(), labels, names)),
        "is_test": np.arange(len(samples)) >= len(content["train"]),
    }


def _sample(path: Path, number: int, sample: Any) -> tuple[NDArray[np.float32], int, str]:
    if not isinstance(sample, (tuple, list)) or len(sample) not in (2, 3):
        raise _not_a_fold(path, f"its entry {number} isn't (points, label, name)")
    try:
        cloud, label, name = (array_of(value) for value in (*sample, None)[:3])
    except ValueError as error:
        raise damaged(path, f"entry {number}: {error}") from error
    if not isinstance(cloud, np.ndarray) or cloud.ndim != 2 or cloud.shape[1] < 3 or cloud.dtype.kind != "f":
        raise _not_a_fold(path, f"the points of its entry {number} aren't an array (N, 3) of floats")
    if isinstance(label, np.ndarray):
        label = label.item() if label.size == 1 else None
    if type(label) is not int or not 0 <= label < 2**31:
        raise _not_a_fold(path, f"the label of its entry {number} isn't a whole number of at least 0")
    if isinstance(name, np.ndarray):
        name = name.item() if name.size == 1 else None
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else name
    if type(text) is int:
        text = f"class {text}"
    return np.ascontiguousarray(cloud[:, :3], np.float32), label, text if isinstance(text, str) else ""


def _class_names(found: Sequence[int], labels: Sequence[int], names: Sequence[str]) -> list[str]:
    """The third entries, where they name classes; otherwise the labels."""
    by_label = {label: {name for own, name in zip(labels, names, strict=True) if own == label} for label in found}
    given = [next(iter(options)) for options in by_label.values() if len(options) == 1]
    if len(given) == len(found) == len(set(given)) and all(given):
        return given
    return [f"class {label}" for label in found]


def _not_a_fold(path: Path, problem: str) -> DataError:
    return data_error(
        path, f"isn't a few-shot fold: {problem}", "expected {train: [(points, label, name)], test: [...]}"
    )
