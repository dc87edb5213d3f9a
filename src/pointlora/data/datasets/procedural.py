"""Shapes that are generated as they are asked for: a data set that needs no download and never repeats itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_choice, check_integer
from pointlora.data.datasets.base import PointCloudDataset
from pointlora.data.datasets.paths import Root, check_split

if TYPE_CHECKING:
    from pointlora.procedural import ProceduralShape

SPLITS = ("train", "validation", "test")
VARIANTS = ("clean", "scan")


class ProceduralDataset(PointCloudDataset):
    """Procedural shapes, the classes taking turns; shape `i` is a function of (seed, split, i) only.

    A larger size therefore extends a smaller one, and the splits share no shape.

    Args:
        root: ignored.
        split: `train`, `validation` or `test`.
        variant: `clean` shapes, or `scan`s of them (seen from one side, noisy, cut off).
        test_variant: that of the test split, where it is another.
        num_points: points per cloud.
        train_size, validation_size, test_size: clouds a split; the generator has no limit of its own.
        seed: chooses the shapes.
        categories: names to restrict the data set to, in label order; None is all.

    Raises:
        ConfigError: for an unknown split, variant or category, or a size below 1.
    """

    generated = True

    def __init__(
        self,
        root: Root = None,
        split: str = "train",
        variant: str = "clean",
        num_points: int = 2048,
        train_size: int = 2048,
        validation_size: int = 256,
        test_size: int = 512,
        seed: int = 0,
        categories: Sequence[str] | None = None,
        test_variant: str | None = None,
    ) -> None:
        from pointlora.procedural import CATEGORIES

        check_split(split, SPLITS)
        for given in (variant, test_variant or variant):
            check_choice("variant of procedural", given, VARIANTS)
        names = tuple(CATEGORIES) if categories is None else tuple(categories)
        for name in names:
            check_choice("category", name, CATEGORIES)
        size = {"train": train_size, "validation": validation_size, "test": test_size}[split]
        for what, value in ((f"{split}_size", size), ("num_points", num_points), ("number of categories", len(names))):
            check_integer(f"{what} of procedural", value, 1)
        check_integer("seed of procedural", seed, 0)
        labels = np.arange(size, dtype=np.int64) % len(names)
        super().__init__("procedural", split, names, labels, _Sources(split, size))
        self.trained_variant = variant
        self.variant = test_variant or variant if split == "test" else variant
        self.num_points, self.seed = num_points, seed

    def shape_seed(self, index: int) -> int:
        """The seed of shape `index`: 63 bits that depend on (seed, split, index)."""
        entropy = [self.seed, crc32(self.split.encode()), index]
        return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def shape(self, index: int) -> ProceduralShape:
        """Shape `index`, with the part of each point."""
        from pointlora.procedural import generate_shape, scan

        if not 0 <= index < len(self):
            raise IndexError(index)
        seed = self.shape_seed(index)
        category = self.class_names[self.labels[index]]
        # From the category, not from a finished shape: half of the points are hidden or cut, so `scan` builds more.
        build = scan if self.variant == "scan" else generate_shape
        return build(category, seed, num_points=self.num_points)

    def cloud(self, index: int) -> NDArray[np.float32]:
        return np.ascontiguousarray(self.shape(index).points, dtype=np.float32)


class _Sources(Sequence[str]):
    """`procedural train[3]` and so on, made as they are asked for."""

    def __init__(self, split: str, size: int) -> None:
        self.split, self.size = split, size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> str:  # type: ignore[override]
        return f"procedural {self.split}[{range(self.size)[index]}]"
