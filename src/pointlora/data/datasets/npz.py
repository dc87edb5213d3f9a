"""A data set in one `.npz` file: `points` (n, N, 3), and optionally `labels`, `classes` and `is_test`."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_number
from pointlora.data.datasets.array_features import array_features, automatic_array_features
from pointlora.data.datasets.arrays import check_clouds, check_labels
from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.datasets.paths import Root, check_root, check_split, check_unique
from pointlora.data.datasets.splits import stratified_choice
from pointlora.errors import DataError

LAYOUT = "a file <root>.npz with points (n, N, 3), optional labels (n,), classes (c,), is_test (n,) bool"
_KEYS = ("points", "labels", "classes", "class_names", "is_test")


class NpzDataset(PointCloudDataset):
    """Clouds of equal size from one file, in memory in the file's own float type and given out as float32.

    Args:
        root: the `.npz` file. It is read without pickle, so it can run no code.
        split: `train`, `test` or `all`. With `is_test` in the file the split is the file's; otherwise a stratified one.
        test_fraction: share of the test part when the file has no `is_test`; None is 0.2 for labelled files and 0
            (everything is for training) for unlabelled ones.
        split_seed: chooses the split when the file has none.
        features: names of what points have beside x, y, z: of arrays `colors`, `normals` (n, N, 3), or others (n, N).

    Raises:
        ConfigError: for an unknown split or a fraction outside [0, 1).
        DataError: if the file is damaged or an array has a wrong shape, type or value.
    """

    def __init__(
        self,
        root: Root,
        split: str = "train",
        test_fraction: float | None = None,
        split_seed: int = 0,
        features: Sequence[str] = (),
    ) -> None:
        check_split(split, ("train", "test", "all"))
        if test_fraction is not None:
            check_number("test_fraction", test_fraction, 0, 1, open_high=True)
        path = check_root("npz", root, LAYOUT)
        arrays = self.read(path)
        points = arrays["points"]
        check_clouds(points, f"{path}: array 'points'")
        labels, class_names = _labels(arrays, path)
        is_test = _test_mask(arrays, path, labels, test_fraction, split_seed)
        chosen = np.arange(len(points)) if split == "all" else np.flatnonzero(is_test == (split == "test"))
        if not len(chosen):
            raise DataError(f"{path}: the {split} part is empty; give the file an 'is_test' array or set test_fraction")
        super().__init__("npz", split, class_names, labels[chosen], [f"{path}[{index}]" for index in chosen])
        if features:
            further = array_features(further_arrays(path), points.shape[:2], features, str(path))
            points = np.concatenate([points.astype(np.float32), further], -1)
        self._path = path
        self._points = points
        self._chosen = chosen

    @staticmethod
    def read(path: Path) -> dict[str, NDArray]:
        """The file's arrays by name."""
        return read_npz(path)

    def automatic_features(self) -> tuple[str, ...]:
        return automatic_array_features(further_arrays(self._path), self._points.shape[:2])

    def cloud(self, index: int) -> NDArray[np.float32]:
        return self._points[self._chosen[index]].astype(np.float32)


def read_npz(path: Path) -> dict[str, NDArray]:
    """The arrays of a data set file by name, without pickle.

    Raises:
        DataError: if the file is no readable `.npz` archive or has no `points`.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; data set 'npz' expects {LAYOUT}")
    try:
        if not zipfile.is_zipfile(path):
            raise DataError(f"{path}: not an .npz archive, or truncated")
        with np.load(path, allow_pickle=False) as archive:
            if "points" not in archive.files:
                raise DataError(f"{path}: no array 'points'; it holds: {', '.join(archive.files) or 'nothing'}")
            arrays = {key: archive[key] for key in _KEYS if key in archive.files}
        for key, array in arrays.items():
            if not isinstance(array, np.ndarray):  # numpy gives out a member that is no array as bytes
                raise DataError(f"{path}: {key!r} isn't an array; it is damaged")
        return arrays
    except DataError:
        raise
    except Exception as error:  # numpy parses headers with what a damaged one can bring to raise nearly anything
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: cannot be read as .npz: {reason}") from error


def further_arrays(path: Path) -> dict[str, NDArray]:
    """The arrays of numbers that a data set file has beside those of `LAYOUT`, by name."""
    found = {}
    with np.load(path, allow_pickle=False) as archive:
        for key in archive.files:
            if key not in _KEYS:
                with contextlib.suppress(ValueError):  # an array of objects, which nobody asked for
                    found[key] = archive[key]
    return {key: array for key, array in found.items() if isinstance(array, np.ndarray)}


def _labels(arrays: dict[str, NDArray], path: Path) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    count = len(arrays["points"])
    names = arrays.get("classes", arrays.get("class_names"))
    if names is not None and (names.ndim != 1 or names.dtype.kind not in "US"):
        raise DataError(f"{path}: class names have dtype {names.dtype}, shape {names.shape}; (c,) strings are expected")
    class_names = () if names is None else check_unique([_text(name) for name in names], f"{path}: array 'classes'")
    if "labels" not in arrays:
        return np.full(count, -1, np.int64), class_names
    labels = check_labels(arrays["labels"], count, len(class_names) or None, f"{path}: array 'labels'")
    return labels, class_names or tuple(f"class {number}" for number in range(int(labels.max()) + 1))


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def _test_mask(
    arrays: dict[str, NDArray], path: Path, labels: NDArray[np.int64], test_fraction: float | None, seed: int
) -> NDArray[np.bool_]:
    mask = arrays.get("is_test")
    if mask is None:
        if test_fraction is None:
            test_fraction = 0.2 if (labels >= 0).all() else 0.0
        return stratified_choice(labels, test_fraction, seed, "test split", leave=1)
    if mask.dtype != np.bool_ or mask.shape != labels.shape:
        raise DataError(
            f"{path}: array 'is_test' has dtype {mask.dtype}, shape {mask.shape}; ({len(labels)},) bool is expected"
        )
    return mask
