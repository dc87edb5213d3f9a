"""What a file or folder of point clouds holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.passed_over import PassedOver
from pointlora.data.shards import INDEX
from pointlora.errors import DataError


def describe_data_file(path: Path) -> dict[str, Any]:
    """A cloud, a mesh, or a data set in one file.

    Raises:
        DataError: if it can't be read; coordinates that aren't finite are among the reasons.
    """
    suffix = path.suffix.lower()
    if suffix in (".h5", ".hdf5"):
        return _describe_hdf5(path)
    if suffix == ".npz" and _is_npz_dataset(path):
        return _describe_npz(path)
    return _describe_cloud(path)


def describe_data_folder(folder: Path) -> dict[str, Any]:
    """A data set that lies in a folder, or just clouds.

    Raises:
        DataError: if it holds neither.
    """
    from pointlora.data.datasets import open_dataset
    from pointlora.data.file_names import expand_paths

    for name, marks in _LAYOUTS.items():
        if any(next(folder.glob(mark), None) is not None for mark in marks):
            return _describe_splits(name, folder, [("train", {}), ("test", {})])
    passed = PassedOver()
    files = [path for path in expand_paths([str(folder)], passed) if isinstance(path, Path)]
    if not files:
        raise DataError(
            f"{folder}: no adapter folder (no adapter_config.json), no run, and no point-cloud file or data set in it"
        )
    if all(path.parent != folder for path in files):
        try:
            open_dataset("folder", folder, "all")
        except DataError:
            pass
        else:
            return _describe_splits("folder", folder, [("train", {}), ("test", {})]) | _not_read(passed)
    suffixes = sorted({path.suffix.lower() for path in files})
    described = {"kind": "folder of clouds", "folder": str(folder), "files": len(files), "formats": suffixes}
    return described | _not_read(passed)


def _not_read(passed: PassedOver) -> dict[str, Any]:
    return {"passed_over": passed.as_dict()} if passed else {}


# Files that are opened to see which features a folder has.
_MOST_FILES = 16

# data set -> patterns of files that only it has
_LAYOUTS = {
    "scanobjectnn": (
        "main_split*/*_objectdataset*.h5",
        "h5_files/main_split*/*_objectdataset*.h5",
    ),
    "modelnet40": (
        "modelnet40_shape_names.txt",
        "ply_data_train*.h5",
        "modelnet40_normal_resampled/modelnet40_shape_names.txt",
        "modelnet40_ply_hdf5_2048/ply_data_train*.h5",
    ),
    "shards": (INDEX, f"train/{INDEX}"),
}


def _describe_splits(name: str, folder: Path, splits: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    from pointlora.data.datasets import open_dataset

    described: dict[str, Any] = {"kind": f"data set {name}", "folder": str(folder)}
    for split, options in splits:
        try:
            dataset = open_dataset(name, folder, split, **options)
        except DataError as error:
            described[split] = f"not readable: {error}"
            continue
        described.setdefault("classes", list(dataset.class_names))
        if "features" not in described:
            described["features"] = _features(dataset)
        described[split] = _counts(dataset)
    if all(isinstance(described[split], str) for split, _ in splits):
        raise DataError(described[splits[0][0]].removeprefix("not readable: "))
    return described


def _features(dataset: PointCloudDataset) -> list[str] | None:
    """What `data.features: auto` would take, by a few of many files; None where one of them is damaged."""
    from pointlora.data.datasets.files import FilesDataset, shared_features

    if not isinstance(dataset, FilesDataset):
        return list(dataset.automatic_features())
    step = -(-len(dataset) // _MOST_FILES)
    try:
        return list(shared_features(dataset.sources[::step]))
    except DataError:
        return None


def _counts(dataset: PointCloudDataset) -> dict[str, Any]:
    per_class = dict(zip(dataset.class_names, dataset.class_counts().tolist(), strict=False))
    return {"clouds": len(dataset), "per_class": per_class} if per_class else {"clouds": len(dataset)}


def _describe_cloud(path: Path) -> dict[str, Any]:
    from pointlora.data.files import file_kind, read_point_cloud

    cloud = read_point_cloud(path)
    described: dict[str, Any] = {
        "kind": "mesh" if cloud.sampled else "point cloud",
        "file": str(path),
        "format": file_kind(path).lstrip("."),
        "points": len(cloud),
    }
    if cloud.sampled:
        described["note"] = "points drawn from the surface, uniformly by area"
    else:
        described["dropped_points"] = cloud.num_dropped
    original = cloud.original()
    low, high = _numbers(original.min(axis=0)), _numbers(original.max(axis=0))
    described["bounds"] = {"low": low, "high": high}
    described["extent"] = [float(f"{end - start:.12g}") for start, end in zip(low, high, strict=True)]
    described["finite"] = True  # the reader refuses all others
    described["attributes"] = {
        name: f"{values.dtype} {values.shape[1:] if values.ndim > 1 else ''}".strip()
        for name, values in cloud.attributes.items()
    }
    if cloud.label_values is not None:
        described["labels"] = cloud.label_values[:50].tolist()
        described["labels_from"] = cloud.label_source
    if cloud.warnings:
        described["warnings"] = [line.removeprefix(f"{path}: ") for line in cloud.warnings]
    described["bytes"] = path.stat().st_size
    return described


def _describe_npz(path: Path) -> dict[str, Any]:
    from pointlora.data.datasets import open_dataset

    dataset = open_dataset("npz", path, "all")
    with np.load(path, allow_pickle=False) as archive:
        has_split = "is_test" in archive.files
    described: dict[str, Any] = {
        "kind": "data set npz",
        "file": str(path),
        "clouds": len(dataset),
        "points": len(dataset.cloud(0)),
        "classes": list(dataset.class_names) or None,
        "labelled": dataset.labelled,
        "features": _features(dataset),
        "split": "in the file" if has_split else "none in the file: drawn by class when it is opened",
    }
    for split in ("train", "test"):
        try:
            described[split] = _counts(open_dataset("npz", path, split))
        except DataError:
            described[split] = {"clouds": 0}
    described["finite"] = True  # the data set refuses all others
    described["bytes"] = path.stat().st_size
    return described


def _describe_hdf5(path: Path) -> dict[str, Any]:
    try:
        import h5py
    except ImportError as error:
        raise DataError(
            f"{path}: reading HDF5 needs h5py: in a clone of the repository, pip install '.[io]'"
        ) from error
    arrays: dict[str, Any] = {}
    try:
        with h5py.File(path, "r") as file:
            for name in sorted(file)[:50]:
                item = file.get(name, getlink=True)
                # Links into other files are not followed.
                if isinstance(item, h5py.HardLink) and isinstance(file[name], h5py.Dataset):
                    arrays[name] = f"{file[name].dtype} {tuple(file[name].shape)}"
    except Exception as error:  # h5py passes on what its C library finds as one of many types
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path}: cannot be read as HDF5 (truncated or damaged?): {reason}") from error
    if "data" not in arrays:
        raise DataError(
            f"{path}: no HDF5 data set of clouds: it has no array 'data' (found {', '.join(arrays) or '-'})"
        )
    return {"kind": "HDF5 file of clouds", "file": str(path), "arrays": arrays, "bytes": path.stat().st_size}


def _is_npz_dataset(path: Path) -> bool:
    """Whether the archive's array `points` has three axes; a damaged file is left to the reader of clouds."""
    try:
        with np.load(path, allow_pickle=False) as archive, archive.zip.open("points.npy") as member:
            version = np.lib.format.read_magic(member)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            return len(read(member)[0]) == 3
    except Exception:
        return False


def _numbers(values: np.ndarray) -> list[float]:
    """All digits that values have, and none that only their binary form has."""
    if values.dtype == np.float32:
        return [float(str(value)) for value in values]
    return [float(f"{value:.15g}") for value in values.tolist()]
