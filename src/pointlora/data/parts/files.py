"""Clouds with part labels in files of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pointlora.data.cache import CloudSource, open_cache
from pointlora.data.datasets.files import shared_features
from pointlora.data.files import FeatureChoice, PointCloud, file_kind, read_point_cloud
from pointlora.data.files.labels import LabelChoice, refused_labels
from pointlora.data.notices import say, say_of_cloud
from pointlora.data.parts.base import LabelledCloud, PartDataset
from pointlora.data.parts.space import MOST_PARTS, PartSpace
from pointlora.errors import DataError

WHERE = (
    "a property, dimension, column or array called label, labels or classification; the fourth column of four, or the "
    "seventh after x y z and a normal of length 1, if columns have no names; any column by data.label_name or "
    "data.label_column"
)


class PartSource(CloudSource):
    """Files whose clouds have part labels; rows are x, y, z, the features and the label.

    Args:
        files: one path a cloud.
        label_name, label_column: where the labels are, see `LabelChoice`; by default by their name, or by `WHERE`.
        features: names of what points have beside x, y, z, see `channel_names`.

    Attributes:
        taken: the column that is the label, by the index of each file that has been read.
    """

    reader = "parts 3"

    def __init__(
        self,
        files: Sequence[str],
        label_name: str | None = None,
        label_column: int | None = None,
        features: Sequence[str] = (),
    ) -> None:
        self.files = files
        self.options: dict[str, Any] = {"label_name": label_name, "label_column": label_column}
        self.features = tuple(features)
        if self.features:
            self.options["features"] = list(self.features)
        self.taken: dict[int, str] = {}

    def cloud(self, index: int) -> NDArray[np.float32]:
        """Read one file to (N, 3 + F + 1).

        Raises:
            DataError: if it can't be read, or has no label of a whole number from 0 on at each point.
        """
        choice = self._choice()
        cloud = _read(self.files[index], choice, self.features)
        labels = cloud.labels
        refused = [] if cloud.content is None else refused_labels(cloud.content, cloud.kept_rows, choice)
        if labels is None or cloud.label_source is None:
            why = f"{', '.join(refused)}; it must be " if refused else ""
            raise DataError(f"{self.files[index]}: has no part label, a whole number, at each point ({why}{WHERE})")
        wrong = np.flatnonzero((labels < 0) | (labels >= MOST_PARTS))
        if len(wrong):
            raise DataError(
                f"{self.files[index]}: point {wrong[0]} has label {labels[wrong[0]]}; parts are numbered from 0 to "
                f"{MOST_PARTS - 1}"
            )
        say_of_cloud(cloud)
        if refused:
            say(f"{self.files[index]}: labels are {cloud.label_source!r}, since {', '.join(refused)}")
        self.taken[index] = cloud.label_source
        return np.concatenate([cloud.featured, labels[:, None].astype(np.float32)], 1, dtype=np.float32)

    def source_of(self, index: int) -> str | None:
        """The column that file `index` has its labels in.

        Raises:
            DataError: if the file can't be read.
        """
        return self.taken.get(index) or _label_source(self.files[index], self._choice())

    def read(self) -> Iterator[tuple[NDArray[np.float32], int]]:
        """The clouds; with each, a number that tells the columns apart that the labels are taken from."""
        for index in range(len(self.files)):
            rows = self.cloud(index)
            yield rows, crc32(self.taken[index].encode("utf-8", "surrogateescape"))

    def describe(self, index: int) -> str:
        return self.files[index]

    def _choice(self) -> LabelChoice:
        name, column = self.options["label_name"], self.options["label_column"]
        return LabelChoice(name, column, layout=name is None and column is None)


def _read(path: str, choice: LabelChoice, features: tuple[str, ...] = ()) -> PointCloud:
    return read_point_cloud(path, labels=choice, features=FeatureChoice(features) if features else None)


@lru_cache(maxsize=1024)
def _label_source(path: str, choice: LabelChoice) -> str | None:
    """Where a file's labels are; kept, since every split of a data set asks for it."""
    return _read(path, choice).label_source


class PartFiles:
    """Clouds of labelled files, from the cache on disk where there is one.

    Args:
        files: one path a cloud.
        cache: see `pointlora.data.cache.open_cache`.
        label_name, label_column, features: see `PartSource`.
    """

    def __init__(
        self,
        files: Sequence[str | Path],
        cache: str = "off",
        label_name: str | None = None,
        label_column: int | None = None,
        features: Sequence[str] = (),
    ) -> None:
        self.source = PartSource([str(path) for path in files], label_name, label_column, features)
        self.disk = open_cache(self.source, cache)

    def rows(self, index: int) -> NDArray[np.float32]:
        """Cloud `index` as (N, 3 + F + 1): x, y, z, its features and its label."""
        return self.source.cloud(index) if self.disk is None else self.disk.cloud(index)

    def labels(self, index: int) -> NDArray[np.int64]:
        """(N,) labels of cloud `index`."""
        return self.rows(index)[:, -1].astype(np.int64)

    def say_sources(self, place: object) -> None:
        """One line on stderr: which columns the labels are taken from, once all files have been read.

        Raises:
            DataError: if a file can't be read.
        """
        found: dict[str, dict[int | str, list[int]]] = {}
        for index, path in enumerate(self.source.files):
            told = self.source.taken[index] if self.disk is None else int(self.disk.labels[index])
            found.setdefault(file_kind(Path(path)), {}).setdefault(told, []).append(index)
        taken = ", ".join(
            f"{self.source.source_of(indices[0])!r} of {self._described(kind, indices, len(sources) == 1)}"
            for kind, sources in found.items()
            for indices in sources.values()
        )
        say(f"{place}: labels are {taken}; data.label_name or data.label_column chooses another column")

    def _described(self, kind: str, indices: list[int], all_of_kind: bool) -> str:
        if all_of_kind:
            return f"{kind} files"
        number = len(indices)
        return f"{number} {kind} file{'s' * (number > 1)} (such as {self.source.files[indices[0]]})"


class PartFilesDataset(PartDataset):
    """A data set of labelled files.

    Args:
        name, split: see `PointCloudDataset`.
        space: parts and categories; every label must be a part of the cloud's category.
        categories: (n,) category of each cloud.
        files: of the clouds.
    """

    def __init__(
        self, name: str, split: str, space: PartSpace, categories: NDArray[np.int64], files: PartFiles
    ) -> None:
        super().__init__(name, split, space.class_names, categories, files.source.files)
        self._space, self._files = space, files
        self._allowed = space.allowed

    @property
    def space(self) -> PartSpace:
        return self._space

    def labelled_cloud(self, index: int) -> LabelledCloud:
        rows = self._files.rows(index)
        labels = rows[:, -1].astype(np.int64)
        parts = self._space.parts_from(labels)
        known = (parts >= 0) & self._allowed[int(self.labels[index])][parts]
        if not known.all():
            self._refuse(index, int(np.argmin(known)), labels)
        return np.ascontiguousarray(rows[:, :-1]), parts

    def automatic_features(self) -> tuple[str, ...]:
        return shared_features(self._files.source.files)

    def checked_sizes(self) -> NDArray[np.int64] | None:
        # The cache vouches for coordinates, not for labels, which depend on the parts that are known.
        return None

    def _refuse(self, index: int, point: int, labels: NDArray[np.int64]) -> None:
        parts = [self._space.numbers[part] for part in self._space.parts_of[int(self.labels[index])]]
        shown = ", ".join(map(str, parts[:12])) + (", …" if len(parts) > 12 else "")
        of = f" of {self.class_names[int(self.labels[index])]}" if self._space.categories else ""
        raise DataError(f"{self.sources[index]}: point {point} has label {labels[point]}; the parts{of} are {shown}")
