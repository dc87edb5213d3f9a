"""What the columns of a plain table of points mean, for text files and arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pointlora.data.files.limits import data_error
from pointlora.data.files.point_cloud import PointCloud, as_labels, build_cloud


def cloud_from_columns(path: Path, columns: np.ndarray, attributes: dict[str, np.ndarray] | None = None) -> PointCloud:
    """Make a PointCloud of a table (N, C >= 3) whose first three columns are x, y, z.

    Four columns: the fourth is a label if all its values are whole numbers. Six or seven: columns 4-6 are a normal
    (ModelNet40 text), or a colour if all are whole numbers from 0 to 255 and not all are 0 or 1; the seventh is a label
    if whole (ShapeNetPart). A table of more than three columns is also kept as it is under "columns".

    Args:
        path: the file.
        columns: (N, C) numbers.
        attributes: further arrays of N rows; they take precedence over what the columns give.

    Raises:
        DataError: fewer than three columns, not numbers, or what `build_cloud` refuses.
    """
    if columns.ndim != 2 or columns.shape[1] < 3:
        problem = f"the data have shape {columns.shape}"
        raise data_error(path, problem, "store at least three columns x, y, z: shape (N, 3) or wider")
    if columns.dtype.kind not in "fiu":
        raise data_error(path, f"the data have dtype {columns.dtype}", "store real numbers, e.g. float32")
    found: dict[str, np.ndarray] = {}
    width = columns.shape[1]
    if width in (6, 7):
        if _are_colors(columns[:, 3:6]):
            found["colors"] = columns[:, 3:6].astype(np.uint8)
        else:
            found["normals"] = columns[:, 3:6].astype(np.float32)
    if width in (4, 7):
        labels = as_labels(columns[:, -1])
        if labels is not None:
            found["labels"] = labels
    if width > 3:
        found["columns"] = columns
    return build_cloud(path, columns[:, :3], {**found, **(attributes or {})})


def _are_colors(values: np.ndarray) -> bool:
    in_range = bool(((values >= 0) & (values <= 255)).all()) and bool((values > 1).any())
    return in_range and bool((values % 1 == 0).all())
