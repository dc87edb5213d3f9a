"""Procedural shapes with the part of each point."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from pointlora.data.datasets.procedural import ProceduralDataset
from pointlora.data.parts.base import UNCOUNTED, LabelledCloud, PartDataset
from pointlora.data.parts.space import PartSpace


def procedural_space(categories: Sequence[str], clutter: bool) -> PartSpace:
    """The parts of some procedural categories, numbered through in their order.

    Args:
        categories: names.
        clutter: add the part `clutter`, last and common to all categories: points that are not of the object.
    """
    from pointlora.procedural import PART_NAMES

    names: list[str] = []
    parts_of: list[tuple[int, ...]] = []
    for category in categories:
        own = PART_NAMES[category]
        parts_of.append(tuple(range(len(names), len(names) + len(own))))
        names += [f"{category} {part}" for part in own]
    if clutter:
        parts_of = [(*parts, len(names)) for parts in parts_of]
        names.append("clutter")
    return PartSpace(tuple(names), tuple(categories), tuple(parts_of))


class ProceduralParts(PartDataset, ProceduralDataset):
    """Procedural shapes with part labels; options are those of `ProceduralDataset`.

    With all categories and clean shapes, labels are the global part ids of `pointlora.procedural`. In scans,
    clutter is a part of its own; a network that was trained on clean shapes and is tested on scans sees clutter too,
    but it doesn't count.
    """

    @cached_property
    def space(self) -> PartSpace:  # type: ignore[override]  # a property that is computed once
        return procedural_space(self.class_names, clutter=self.trained_variant == "scan")

    def labelled_cloud(self, index: int) -> LabelledCloud:
        from pointlora.procedural import CLUTTER

        shape = self.shape(index)
        first = self.space.parts_of[int(self.labels[index])][0]
        clutter = self.space.num_parts - 1 if self.trained_variant == "scan" else UNCOUNTED
        labels = np.where(shape.parts == CLUTTER, clutter, shape.parts + first)
        return np.ascontiguousarray(shape.points, dtype=np.float32), labels.astype(np.int64)
