"""Clouds as a page shows them: what the model sees of each, few enough points, a name without its folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointlora.data.datasets import PointCloudDataset
from pointlora.data.files import read_point_cloud
from pointlora.data.resampling import resample_for_evaluation
from pointlora.data.transforms import TransformConfig, prepared_cloud
from pointlora.errors import DataError
from pointlora.reporting.choosing import spread_evenly
from pointlora.reports.page.content import frame, quantised

MOST_POINTS = 1024
MOST_POINTS_BESIDE = 512  # of clouds that stand beside others

# A path from the root of a file system, down to the last part of it.
_ABSOLUTE = re.compile(r"(?<![\w.~/\\-])(?:[A-Za-z]:[\\/]|/)(?:[^\s'\"/\\:\[\]=,;]+[/\\])+")


class Shown(NamedTuple):
    """Points as a page has them, and the frame that brings others of the same cloud into theirs.

    Attributes:
        points: (N, 3) int16.
        colors: (N, 3) uint8; None where there are none.
        center, radius: see `quantised`.
    """

    points: NDArray[np.int16]
    colors: NDArray[np.uint8] | None
    center: NDArray[np.float64]
    radius: float

    def place(self, points: NDArray[np.floating]) -> NDArray[np.int16]:
        """Points (K, 3) of the cloud as the model sees it, in this frame."""
        return quantised(points, self.center, self.radius)


def show(
    cloud: NDArray[np.float32], transform: TransformConfig, most: int, colors: NDArray[np.uint8] | None = None
) -> tuple[Shown, NDArray[np.float32]]:
    """A raw cloud (N, 3 + F) as the model sees it: for the page, and as its input (1, num_points, 3 + F)."""
    rows = prepared_cloud(cloud, transform)
    width = rows.shape[1]
    if colors is not None:
        rows = np.column_stack([rows, colors.astype(np.float32)])
    picked = resample_for_evaluation([rows], transform.num_points)
    seen = picked[0][spread_evenly(min(picked.shape[1], len(rows)), most)]  # a small cloud is repeated behind itself
    shown = show_points(seen[:, :3], None if colors is None else seen[:, width:].astype(np.uint8))
    return shown, np.ascontiguousarray(picked[..., :width])


def show_points(points: NDArray[np.floating], colors: NDArray[np.uint8] | None = None) -> Shown:
    """Points (N, 3) for the page."""
    center, radius = frame(points)
    return Shown(quantised(points, center, radius), colors, center, radius)


def own_colors(dataset: PointCloudDataset, index: int, transform: TransformConfig) -> NDArray[np.uint8] | None:
    """Colours (N, 3) of the points of a raw cloud: those that the model is given, or those of its file."""
    features = transform.features
    if features is not None and features.triples.colors:
        first = 3 + features.triples.colors[0]
        return np.clip(np.rint(dataset.cloud(index)[:, first : first + 3]), 0, 255).astype(np.uint8)
    path = Path(dataset.sources[index])
    try:
        if not path.is_file():
            return None
        cloud = read_point_cloud(path)
        found = None if cloud.sampled else cloud.attributes.get("colors")
    except (DataError, OSError):
        return None
    return None if found is None or len(found) != len(dataset.cloud(index)) else np.asarray(found, dtype=np.uint8)


def shown_name(source: str, root: str | Path | None = None) -> str:
    """A cloud's source from its data set's folder on; of files elsewhere only their name."""
    path = Path(source)
    if root is not None and Path(root) in path.parents:
        return str(path.relative_to(root))
    return path.name if path.is_absolute() else source


def without_folders(text: str) -> str:
    """A text in which absolute paths are cut down to their last part."""
    return _ABSOLUTE.sub("", text)


def printable(text: str) -> str:
    """A text that can be written as UTF-8, whatever bytes a file's name has."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
