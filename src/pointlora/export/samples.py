"""Clouds as an exported network takes them, of a run's data or at random."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointlora.data.transforms import PointTransform, TransformConfig, into_sphere, unit_sphere
from pointlora.export.network import ExportedNetwork, least_points, num_features

# Queries of one cloud that are looked at.
_MOST_QUERIES = 2048


@dataclass(frozen=True)
class Sample:
    """A cloud as its data set gives it.

    Attributes:
        points: (N, 3 + F).
        category: number of its category, for part segmentation.
    """

    points: NDArray[np.float32]
    category: int = 0


def sample_inputs(network: ExportedNetwork, transform: TransformConfig, sample: Sample) -> list[Tensor]:
    """What the network is called with for one cloud: as it is where it prepares clouds itself, else prepared."""
    points, queries = sample.points, sample.points[:_MOST_QUERIES]
    if network.preparation is None:
        center, radius = unit_sphere(points[:, :3]) if transform.normalize else (np.zeros(3), 1.0)
        points = PointTransform(transform, train=False)([points], [(0, 0)])[0]
        queries = np.concatenate([into_sphere(queries[:, :3], center, radius), queries[:, 3:]], 1, dtype=np.float32)
        queries = queries if transform.features is None else transform.features.scale(queries)
    given = {"points": points, "queries": queries, "category": np.array(sample.category)}
    return [torch.from_numpy(np.array(given[name]))[None] for name in network.names]


def random_inputs(network: ExportedNetwork, batch: int, num_points: int, seed: int) -> list[Tensor]:
    """Random clouds, queries and categories, each a function of the seed."""
    generator = torch.Generator().manual_seed(seed)
    width = 3 + num_features(network)
    inputs = [torch.randn(batch, num_points, width, generator=generator)]
    if "queries" in network.names:
        elsewhere = torch.randn(batch, num_points // 4 + 1, width, generator=generator)
        # The first points of a cloud hold a center, from which a query's distance is zero.
        inputs.append(torch.cat([inputs[0][:, : num_points // 4 + 1], elsewhere], 1))
    if "category" in network.names:
        count = int(cast(Any, network.model).num_categories)
        inputs.append(torch.randint(count, (batch,), generator=generator))
    return inputs


def trial_inputs(
    network: ExportedNetwork, transform: TransformConfig, samples: Sequence[Sample]
) -> Iterator[list[Tensor]]:
    """What an exported file is tried on: random clouds of several sizes, one and three at a time, then the samples."""
    least = least_points(network)
    for batch, wanted in ((1, 700), (3, transform.num_points), (1, 5000)):
        yield random_inputs(network, batch, max(wanted, least), seed=wanted)
    for sample in samples:
        yield sample_inputs(network, transform, sample)
