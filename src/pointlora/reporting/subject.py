"""A model and the clouds that a page shows of it, opened from an adapter's folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from pointlora.data.datasets import PointCloudDataset
from pointlora.data.loading import make_loader
from pointlora.data.transforms import TransformConfig
from pointlora.reporting.choosing import spread_evenly
from pointlora.reporting.options import ReportOptions
from pointlora.reporting.showing import printable, shown_name

# Of larger data sets evenly spread clouds are looked at, so that memory stays bounded.
MOST_LOOKED_AT = 20_000


@dataclass(frozen=True)
class Subject:
    """What is looked at.

    Attributes:
        model: on its device.
        measured: the clouds of the page.
        training: those that it was trained on; None where they aren't known.
        transform: how clouds are prepared.
        options: of the report.
        roots: folders from which on clouds are named, of `measured` and `training`.
        batch_size, workers: of loading.
    """

    model: nn.Module
    measured: PointCloudDataset
    training: PointCloudDataset | None
    transform: TransformConfig
    options: ReportOptions
    root: str | None = None
    batch_size: int = 32
    workers: int = 0

    def batches(self, dataset: PointCloudDataset) -> Iterator[Tensor]:
        """Prepared clouds (B, N, 3 + F) of a data set, in its order."""
        for batch in make_loader(dataset, self.transform, self.batch_size, train=False, workers=self.workers):
            yield batch.points

    def name(self, source: str) -> str:
        """What a cloud is called on the page."""
        return printable(source if self.options.paths else shown_name(source, self.root))


def bounded(dataset: PointCloudDataset, most: int = MOST_LOOKED_AT) -> PointCloudDataset:
    """At most `most` evenly spread clouds of a data set."""
    return dataset if len(dataset) <= most else dataset.subset(spread_evenly(len(dataset), most))


def root_of(data: Any) -> str | None:
    """The folder of a recipe's data."""
    root = data.get("root") if isinstance(data, dict) else None
    return None if root is None else str(Path(root))
