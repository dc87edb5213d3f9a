"""Two data sets as one stream, in a fixed proportion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pointlora.data.datasets.base import PointCloudDataset
from pointlora.errors import DataError


class MixedDataset(PointCloudDataset):
    """Clouds of `main`, and spread evenly among them those of `corpus`; each starts again when it is used up.

    Labels are those of `main`; clouds of the corpus have none (-1).

    Args:
        main: gives the class names.
        corpus: mixed in.
        share: part of the clouds that come from the corpus, in (0, 1].
        size: clouds in all.

    Raises:
        DataError: if one of them is empty.
    """

    def __init__(self, main: PointCloudDataset, corpus: PointCloudDataset, share: float, size: int) -> None:
        for part in (main, corpus):
            if not len(part):
                raise DataError(f"data set {part.name}: the {part.split} split is empty")
        positions = np.arange(size, dtype=np.int64)
        before = np.floor(positions * share).astype(np.int64)
        # True where the running share of corpus clouds gains one.
        self._from_corpus: NDArray[np.bool_] = np.floor((positions + 1) * share).astype(np.int64) > before
        self._item: NDArray[np.int64] = np.where(
            self._from_corpus, before % len(corpus), (positions - before) % len(main)
        )
        labels = np.where(self._from_corpus, -1, main.labels[self._item % len(main)])
        self.main, self.corpus = main, corpus
        self.generated = main.generated and corpus.generated
        name = f"{main.name} + {corpus.name}"
        super().__init__(name, main.split, main.class_names, labels, _Sources(self))

    def parts(self) -> Sequence[PointCloudDataset]:
        return (self.main, self.corpus)

    def part(self, index: int) -> tuple[PointCloudDataset, int]:
        """The data set that cloud `index` comes from, and its index there."""
        return (self.corpus if self._from_corpus[index] else self.main), int(self._item[index])

    def cloud(self, index: int) -> NDArray[np.float32]:
        part, item = self.part(index)
        return part.cloud(item)

    def __len__(self) -> int:
        return len(self._item)


class _Sources(Sequence[str]):
    """Each cloud's source in the data set that it comes from."""

    def __init__(self, mixed: MixedDataset) -> None:
        self.mixed = mixed

    def __len__(self) -> int:
        return len(self.mixed)

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        part, item = self.mixed.part(index)
        return part.sources[item]
