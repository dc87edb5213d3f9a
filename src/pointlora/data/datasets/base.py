"""What every data set is: class names, labels, and raw clouds that are read one at a time by index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pointlora.data.orders import Blocks
from pointlora.errors import DataError


class PointCloudDataset(ABC):
    """Labelled (or unlabelled) point clouds, in a fixed order.

    A data set holds no randomness and no transforms: `cloud(i)` is the same array at every call, so that whatever is
    drawn from it depends on explicit seeds alone.

    Attributes:
        name: the registry name, for example `scanobjectnn`.
        split: `train`, `validation`, `test` or `all`.
        class_names: name of each label.
        labels: (n,) int64; all -1 when the data set has no labels.
        sources: where each cloud comes from (`file` or `file[index]`), for error messages.
        generated: whether clouds are made by a function, so that none can be damaged.
    """

    generated = False

    def __init__(
        self,
        name: str,
        split: str,
        class_names: Iterable[str],
        labels: NDArray[np.int64],
        sources: Sequence[str],
    ) -> None:
        self.name = name
        self.split = split
        self.class_names = tuple(class_names)
        self.labels = np.ascontiguousarray(labels, dtype=np.int64)
        self.sources = sources
        if len(self.sources) != len(self.labels):
            raise DataError(f"{name}: {len(self.labels)} labels for {len(self.sources)} clouds")

    @abstractmethod
    def cloud(self, index: int) -> NDArray[np.float32]:
        """The raw cloud `index` as an (N_i, 3) float32 array, wider where the data set was opened with features; the
        caller must not write into it.

        Raises:
            DataError: if its file cannot be read.
        """

    def checked_sizes(self) -> NDArray[np.int64] | None:
        """(n,) points of each cloud, where they are known and all coordinates are known to be finite; else None."""
        return None

    def blocks(self) -> Blocks | None:
        """Which clouds lie together, where reading block by block is much cheaper than in any order; else None."""
        return None

    def automatic_features(self) -> tuple[str, ...]:
        """Names of the colours, normals, intensities and returns that all clouds have."""
        return ()

    def parts(self) -> Sequence[PointCloudDataset]:
        """The data sets that this one gives the clouds of, each once; itself if it isn't made of others."""
        return (self,)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        what = f"{len(self.class_names)} classes" if self.labelled else "unlabelled"
        return f"{type(self).__name__}({self.name!r}, {self.split!r}, {len(self)} clouds, {what})"

    @property
    def labelled(self) -> bool:
        """Whether every cloud has a label."""
        return len(self.labels) > 0 and bool((self.labels >= 0).all())

    def class_counts(self) -> NDArray[np.int64]:
        """(num_classes,) number of clouds of each class; empty when there are no labels."""
        if not self.labelled:
            return np.zeros(0, np.int64)
        return np.bincount(self.labels, minlength=len(self.class_names)).astype(np.int64)

    def subset(self, indices: Iterable[int], split: str | None = None) -> PointCloudDataset:
        """A view of some clouds, in the order given; nothing is copied or read.

        Raises:
            DataError: for an index outside the data set.
        """
        return SubsetDataset(self, indices, split)


class SubsetDataset(PointCloudDataset):
    """A view of some clouds of another data set."""

    def __init__(self, parent: PointCloudDataset, indices: Iterable[int], split: str | None = None) -> None:
        chosen = np.fromiter((int(index) for index in indices), dtype=np.int64)
        outside = chosen[(chosen < 0) | (chosen >= len(parent))]
        if len(outside):
            raise DataError(
                f"{parent.name}: index {outside[0]} is outside the {len(parent)} clouds of {parent.split!r}"
            )
        # A view of a view points at the original, so that chains of splits stay one look-up deep.
        self.parent: PointCloudDataset = parent
        self.indices: NDArray[np.int64] = chosen
        if isinstance(parent, SubsetDataset):
            self.parent, self.indices = parent.parent, parent.indices[chosen]
        self.generated = self.parent.generated
        super().__init__(
            parent.name,
            split or parent.split,
            parent.class_names,
            parent.labels[chosen],
            _ChosenSources(self.parent.sources, self.indices),
        )

    def cloud(self, index: int) -> NDArray[np.float32]:
        return self.parent.cloud(int(self.indices[index]))

    def automatic_features(self) -> tuple[str, ...]:
        return self.parent.automatic_features()

    def checked_sizes(self) -> NDArray[np.int64] | None:
        sizes = self.parent.checked_sizes()
        return None if sizes is None else sizes[self.indices]

    def blocks(self) -> Blocks | None:
        blocks = self.parent.blocks()
        return None if blocks is None else Blocks(blocks.numbers[self.indices], blocks.together)


class _ChosenSources(Sequence[str]):
    """Some of another sequence's entries, looked up as they are asked for."""

    def __init__(self, sources: Sequence[str], indices: NDArray[np.int64]) -> None:
        self.sources, self.indices = sources, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        return self.sources[int(self.indices[index])]
