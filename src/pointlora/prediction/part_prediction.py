"""What a part segmenter says about one file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pointlora.data.parts.space import PartSpace

if TYPE_CHECKING:
    from pointlora.data.files import PointCloud

# What of a file may have labels.
POINTS, VERTICES, SAMPLED = "points", "vertices", "sampled points"


@dataclass(frozen=True)
class PartPrediction:
    """What a part segmenter says about one file.

    Attributes:
        source: the file.
        labelled: what of the file has labels: its `points`; the `vertices` of a PLY with faces; `sampled points` on the
            surface of other meshes.
        cloud: the N points that have labels, in the order of the file, with its further properties. Rows of the file
            without a point (NaN) are not among them.
        labels: (N,) int64, one label per point: the number that its part has in the files of the training data.
        space: what the numbers mean.
        category: number of the object's category; 0 for an adapter that knows none.
    """

    source: Path
    labelled: str
    cloud: PointCloud
    labels: NDArray[np.int64]
    space: PartSpace
    category: int

    @property
    def category_name(self) -> str | None:
        """The object's category; None for an adapter that knows none."""
        return self.space.categories[self.category] if self.space.categories else None

    @property
    def file_labels(self) -> NDArray[np.int64]:
        """(R,) a label for each row of the file: -1 where it has no point."""
        return self.cloud.spread(self.labels, -1)

    @cached_property
    def parts(self) -> NDArray[np.int64]:
        """(N,) the part of each point, as `space` counts them."""
        return self.space.parts_from(self.labels)

    @property
    def numbers(self) -> dict[str, int]:
        """The number that each part of the category has in `labels`, by its name."""
        return {self.space.part_names[part]: self.space.numbers[part] for part in self.space.parts_of[self.category]}

    @property
    def shares(self) -> dict[str, float]:
        """Share of the points that each part of the category has, in the order of the labels."""
        counts = np.bincount(self.parts, minlength=self.space.num_parts)
        return {
            self.space.part_names[part]: int(counts[part]) / len(self.parts)
            for part in self.space.parts_of[self.category]
        }
