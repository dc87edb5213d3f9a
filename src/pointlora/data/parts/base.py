"""What every data set with part labels is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pointlora.data.datasets.base import PointCloudDataset, SubsetDataset
from pointlora.data.parts.space import PartSpace

# The label of points that don't count: padding of a batch, and clutter for a network that was shown none.
UNCOUNTED = -1

# A cloud's points (N, 3) float32, wider with features, and their part labels (N,) int64.
LabelledCloud = tuple[NDArray[np.float32], NDArray[np.int64]]


class PartDataset(PointCloudDataset):
    """Clouds whose points have part labels; the clouds' own labels are their object categories.

    Without categories all clouds have label 0.
    """

    @property
    @abstractmethod
    def space(self) -> PartSpace:
        """Parts and categories."""

    @abstractmethod
    def labelled_cloud(self, index: int) -> LabelledCloud:
        """Cloud `index` and the part of each of its points; the caller must not write into them.

        Raises:
            DataError: if its file cannot be read, or its labels are no parts.
        """

    def cloud(self, index: int) -> NDArray[np.float32]:
        return self.labelled_cloud(index)[0]

    def subset(self, indices: Iterable[int], split: str | None = None) -> PartDataset:
        return PartSubset(self, indices, split)

    def in_space(self, space: PartSpace) -> PartDataset:
        """The same clouds, with their parts counted as in another space that has the same numbers."""
        return self if space.numbers == self.space.numbers else RenumberedParts(self, space)


class PartSubset(SubsetDataset, PartDataset):
    """A view of some clouds of another data set with part labels."""

    parent: PartDataset

    @property
    def space(self) -> PartSpace:
        return self.parent.space

    def labelled_cloud(self, index: int) -> LabelledCloud:
        return self.parent.labelled_cloud(int(self.indices[index]))

    def subset(self, indices: Iterable[int], split: str | None = None) -> PartDataset:
        return PartSubset(self, indices, split)


class RenumberedParts(PartDataset):
    """A data set with its parts counted as in another space, by the numbers that they have in the files.

    Args:
        parent: the data set.
        space: with all of its numbers.
    """

    def __init__(self, parent: PartDataset, space: PartSpace) -> None:
        super().__init__(parent.name, parent.split, parent.class_names, parent.labels, parent.sources)
        self.generated, self.parent, self._space = parent.generated, parent, space
        # The last entry is found by -1, what doesn't count.
        numbers = np.array(parent.space.numbers, dtype=np.int64)
        self._table = np.append(space.parts_from(numbers), UNCOUNTED)

    @property
    def space(self) -> PartSpace:
        return self._space

    def labelled_cloud(self, index: int) -> LabelledCloud:
        points, parts = self.parent.labelled_cloud(index)
        return points, self._table[parts]
