"""One function that says what any file or folder is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pointlora.errors import DataError, PointLoraError

EXPORTED_SUFFIX = ".onnx"
WEIGHT_SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".safetensors", ".tar")
PICKLE_SUFFIXES = (".pkl", ".pickle", ".dat")
_HEAD_BYTES = 512
# A zip archive, a pickle.
_WEIGHT_MARKS = (b"PK", b"\x80")


def describe(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Say what a file or folder is; nothing in it is executed.

    Args:
        path: weights, an exported network, an adapter folder, a run's folder, a cloud or mesh, a data set's file or
            folder, or a recipe.

    Returns:
        plain values by name: `kind` first, then what is known about this kind.

    Raises:
        PointLoraError: if it can't be read, or is nothing that this library knows; the message says what it isn't.
    """
    place = Path(path)
    if not os.fspath(path):
        raise DataError("FILE is '', but it must be the path of a file or folder")
    if os.path.isdir(place):
        return _describe_folder(place)
    if not os.path.exists(place):
        what = "is a broken link" if os.path.islink(place) else "no such file or folder"
        raise DataError(f"{path}: {what}")
    return _describe_file(place)


def _describe_folder(folder: Path) -> dict[str, Any]:
    from pointlora.adapters.folder_config import CONFIG_FILE
    from pointlora.inspection.adapter import describe_adapter
    from pointlora.inspection.data import describe_data_folder
    from pointlora.inspection.run import (
        describe_comparison,
        describe_fewshot,
        describe_run,
        is_comparison,
        is_fewshot_folder,
        is_run,
    )

    if (folder / CONFIG_FILE).is_file():
        return describe_adapter(folder)
    if is_run(folder):
        return describe_run(folder)
    if is_comparison(folder):
        return describe_comparison(folder)
    if is_fewshot_folder(folder):
        return describe_fewshot(folder)
    return describe_data_folder(folder)


def _describe_file(path: Path) -> dict[str, Any]:
    suffix = path.suffix.lower()
    if suffix == EXPORTED_SUFFIX:  # first: what is below loads torch
        from pointlora.inspection.exported import describe_exported

        return describe_exported(path)
    from pointlora.adapters.folder_config import CONFIG_FILE, WEIGHTS_FILE
    from pointlora.data.files import is_supported
    from pointlora.inspection.adapter import describe_adapter
    from pointlora.inspection.data import describe_data_file
    from pointlora.inspection.run import describe_recipe
    from pointlora.inspection.weights import describe_weights

    if path.name in (CONFIG_FILE, WEIGHTS_FILE) and (path.parent / CONFIG_FILE).is_file():
        return describe_adapter(path.parent)
    # Weights and KITTI's scans share a suffix; a scan has no mark of its own.
    if suffix in WEIGHT_SUFFIXES and not (is_supported(path) and not _head(path).startswith(_WEIGHT_MARKS)):
        return describe_weights(path)
    if is_supported(path) or suffix in (".h5", ".hdf5"):
        return describe_data_file(path)
    if suffix in (".yaml", ".yml"):
        return describe_recipe(path)
    if suffix in PICKLE_SUFFIXES or _head(path)[:1] == b"\x80":
        raise DataError(
            f"{path}: a pickle, which could run code when it is read, so it was not opened; a few-shot fold is made "
            "safe with `pointlora data convert`"
        )
    return _describe_unknown(path)


def _describe_unknown(path: Path) -> dict[str, Any]:
    """A file whose suffix says nothing: its first bytes may."""
    from pointlora.inspection.weights import describe_weights

    if _head(path)[:4] == b"PK\x03\x04" or _head(path)[8:9] == b"{":
        try:
            return describe_weights(path)
        except PointLoraError:
            pass
    kinds = "weights, adapter, exported network, cloud, mesh, data set or recipe"
    raise DataError(f"{path}: no {kinds} that pointlora knows{_looks(path)}")


def _looks(path: Path) -> str:
    """What else it might be."""
    head = _head(path)
    known = {
        b"PK\x03\x04": "a zip archive",
        b"\x1f\x8b": "a gzip archive",
        b"%PDF": "a PDF document",
        b"\x89PNG": "a PNG picture",
        b"\xff\xd8\xff": "a JPEG picture",
        b"\x89HDF": "an HDF5 file; name it .h5",
        b"ply": "a PLY file; name it .ply",
        b"\x93NUMPY": "a NumPy array; name it .npy",
    }
    if not head:
        return ": it is empty"
    for mark, what in known.items():
        if head.startswith(mark):
            return f": it looks like {what}"
    return ": it looks like text" if all(byte >= 9 for byte in head) else ""


def _head(path: Path) -> bytes:
    if not path.is_file():
        raise DataError(f"{path}: is not a regular file")
    with open(path, "rb") as file:
        return file.read(_HEAD_BYTES)
