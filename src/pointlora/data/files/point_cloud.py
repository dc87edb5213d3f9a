"""What a reader returns: points in float32, their attributes, and what the file has beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.content import Attributes, Columns, Content, rows
from pointlora.data.files.coordinates import finite_rows, float32_offset
from pointlora.data.files.doubts import cloud_warnings
from pointlora.data.files.features import FeatureChoice, find_features, without_features
from pointlora.data.files.labels import LabelChoice, find_labels
from pointlora.data.files.limits import data_error


@dataclass(frozen=True)
class PointCloud:
    """A point cloud read from a file.

    Attributes:
        points: (N, 3) float32, in the units of the file; add `offset` to get the coordinates of the file.
        attributes: per-point arrays by name, each with N rows: "normals" (N, 3) float32, "colors" (N, 3) uint8 and
            "labels" (N,) int64 where the file has them, other properties under their own name and dtype. They are made
            when the first of them is asked for.
        path: the file.
        offset: (3,) float64, what was subtracted before the cast to float32; zero along each axis where float32 holds
            the coordinates to a millionth of the cloud's extent.
        sampled: whether the points were drawn from the surface of a mesh; otherwise they are those of the file.
        kept_rows: (N,) int64, the rows of the file that the points are, ascending; None if all R rows have a point.
        file_rows: R, the number of points or vertices in the file.
        label_source: the column that "labels" come from, None without labels.
        content: everything the file has for all of its R rows; None where it was not read from one.
        notes: what of the file isn't read, a line each.
        features: (N, F) float32, those that were asked for.
        missing: names of those that the file doesn't have, and that others stand in for.
    """

    points: np.ndarray
    attributes: Mapping[str, np.ndarray]
    path: Path
    offset: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    sampled: bool = False
    kept_rows: NDArray[np.int64] | None = None
    file_rows: int = 0
    label_source: str | None = None
    content: Content | None = None
    notes: tuple[str, ...] = ()
    features: NDArray[np.float32] | None = None
    missing: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.points)

    @property
    def num_dropped(self) -> int:
        """Number of rows of the file that hold no point (NaN)."""
        return 0 if self.kept_rows is None else self.file_rows - len(self.kept_rows)

    @property
    def featured(self) -> NDArray[np.float32]:
        """(N, 3 + F) points with the features that were asked for."""
        return self.points if self.features is None else np.concatenate([self.points, self.features], axis=1)

    @property
    def columns(self) -> Mapping[str, np.ndarray]:
        """Arrays of N rows under the names that the file gives them, x, y, z left out; each made when asked for."""
        if self.content is None or self.sampled:
            return {}
        return Columns(self.content.columns, self.kept_rows)

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """(N,) labels, None where the file has none."""
        return None if self.label_source is None else self.attributes["labels"]

    @cached_property
    def label_values(self) -> NDArray[np.int64] | None:
        """The labels that occur, ascending; None where the file has none."""
        return None if self.labels is None else np.unique(self.labels)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """Lines for the user about what is odd, each naming the file; they are found when they are asked for."""
        return self.notes + cloud_warnings(
            self.path, self.points, self.offset, self.num_dropped, self.file_rows, self.features is not None
        )

    def original(self) -> np.ndarray:
        """(N, 3) coordinates in the file's own precision: its dtype, of LAS the doubles that its integers stand for."""
        if self.content is None or self.sampled:
            return self.points + self.offset if self.offset.any() else self.points
        return rows(self.content.coordinates(), self.kept_rows)

    def spread(self, values: np.ndarray, fill: int) -> np.ndarray:
        """Values (N, ...) of the points as values (R, ...) of the file's rows, `fill` where a row has no point."""
        if self.kept_rows is None:
            return values
        spread = np.full((self.file_rows, *values.shape[1:]), fill, values.dtype)
        spread[self.kept_rows] = values
        return spread


def build_cloud(path: Path, points: np.ndarray, attributes: Mapping[str, np.ndarray] | None = None) -> PointCloud:
    """Check coordinates and attributes and make a PointCloud of them.

    Args:
        path: the file they come from.
        points: (N, 3) real numbers of any dtype.
        attributes: arrays of N rows by name.

    Raises:
        DataError: wrong shape or dtype, no points, infinite coordinates, an attribute of another length.
    """
    given = dict(attributes or {})
    for name, values in given.items():
        if values.shape[:1] != (len(points),):
            problem = f"{name!r} has shape {values.shape} for {len(points)} points"
            raise data_error(path, problem, "store one row per point")
    columns = {name: lambda values=values: values for name, values in given.items()}
    return cloud_from_content(path, Content(lambda: points, columns, lambda label: given))


def cloud_from_content(
    path: Path, content: Content, choice: LabelChoice | None = None, features: FeatureChoice | None = None
) -> PointCloud:
    """Make a PointCloud of what a reader found; rows without a point or one of its features (NaN) are left out.

    Args:
        path: the file.
        content: of it; its triangles are passed over.
        choice: which column is the label.
        features: what points shall have beside x, y, z.

    Raises:
        DataError: wrong shape or dtype of the coordinates, no points, infinite ones, labels or features that aren't
            there.
    """
    raw = content.coordinates()
    values = None if features is None else find_features(path, content, features)
    points, kept = finite_rows(path, raw if values is None else without_features(raw, values[0]))
    offset = float32_offset(points)
    # Without a shift the cast is done directly, so that float32 input comes back bit for bit (-0.0 included).
    shifted = points - offset if offset.any() else points
    found = find_labels(path, content, kept, choice or LabelChoice())
    source = None if found is None else found[0]

    def attributes() -> dict[str, np.ndarray]:
        made = {name: rows(values, kept) for name, values in content.attributes(source).items()}
        if found is not None:
            made["labels"] = found[1]
        return made

    return PointCloud(
        np.ascontiguousarray(shifted, dtype=np.float32),
        Attributes(attributes),
        path,
        offset,
        kept_rows=kept,
        file_rows=len(raw),
        label_source=source,
        content=content,
        features=None if values is None else np.ascontiguousarray(rows(values[0], kept)),
        missing=() if values is None else values[1],
    )


def with_missing_features(cloud: PointCloud, choice: FeatureChoice) -> PointCloud:
    """Points that were drawn from a mesh, with what stands in for features.

    Raises:
        DataError: if nothing may stand in for them.
    """
    if choice.missing is None:
        problem = f"has no feature {choice.names[0]!r}: it is a mesh, and points drawn from it have none"
        raise data_error(cloud.path, problem, "store the points themselves, with their features")
    features = np.repeat(np.array([choice.missing], dtype=np.float32), len(cloud), 0)
    return replace(cloud, features=features, missing=choice.names)
