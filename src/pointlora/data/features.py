"""Features on one scale: fitted to the training clouds, kept in the adapter, applied to every cloud after that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_number
from pointlora.data.feature_names import COLORS, NORMALS, Triples, channel_names, triples
from pointlora.errors import ConfigError

if TYPE_CHECKING:
    from pointlora.data.datasets.base import PointCloudDataset

# What lies beyond this is cut off: one reflector in a scan must not outweigh everything else.
LIMIT = 3.0
# Enough to know where most values lie.
_MOST_CLOUDS, _MOST_POINTS = 256, 2048
_QUANTILES = (0.01, 0.5, 0.99)


@dataclass(frozen=True)
class FeatureScaling:
    """What makes numbers of about -1 to 1 of features, where 0 says nothing.

    Attributes:
        names: of the features, as `channel_names` gives them.
        centers: what becomes 0.
        ranges: what becomes 1, above the center.
    """

    names: tuple[str, ...]
    centers: tuple[float, ...]
    ranges: tuple[float, ...]

    def __post_init__(self) -> None:
        # JSON gives lists.
        for name in ("names", "centers", "ranges"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not self.names or channel_names(self.names) != self.names:
            raise ConfigError(f"features have the names {list(self.names)}, which no training gives them")
        if not len(self.names) == len(self.centers) == len(self.ranges):
            raise ConfigError(f"features have {len(self.names)} names, {len(self.centers)} centers and other ranges")
        for center in self.centers:
            check_number("center of a feature", center, -3.4e38, 3.4e38)
        for reach in self.ranges:
            check_number("range of a feature", reach, 0, 3.4e38, open_low=True)

    @cached_property
    def triples(self) -> Triples:
        """Where normals and colours stand."""
        return triples(self.names)

    def scale(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points (N, 3 + F) with their features scaled."""
        values = (points[:, 3:].astype(np.float64) - self.centers) / self.ranges
        return np.concatenate([points[:, :3], values.clip(-LIMIT, LIMIT)], 1, dtype=np.float32)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {name: list(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FeatureScaling:
        """What `as_dict` gave.

        Raises:
            ConfigError: if it makes no sense.
        """
        try:
            return cls(**values)
        except (TypeError, OverflowError) as error:
            raise ConfigError(f"features make no sense: {error}") from error


def fit_scaling(names: Sequence[str], dataset: PointCloudDataset) -> FeatureScaling:
    """The scales of features: colours and normals by their range, others by quantiles of a data set's clouds.

    Args:
        names: of the features.
        dataset: of clouds (N, 3 + F) for training; of a large one, evenly spread clouds and points are looked at.
    """
    fixed = {**dict.fromkeys(COLORS, (127.5, 127.5)), **dict.fromkeys(NORMALS, (0.0, 1.0))}
    found: list[tuple[float, float]] = [fixed.get(name, (0.0, 1.0)) for name in names]
    measured = [place for place, name in enumerate(names) if name not in fixed]
    if measured:
        values = sample_values(dataset)
        for place in measured:
            found[place] = _center_and_range(values[:, place])
    return FeatureScaling(tuple(names), *zip(*found, strict=True))


def sample_values(dataset: PointCloudDataset) -> NDArray[np.float64]:
    """Features (M, F) of points that are evenly spread over a data set's clouds and over each cloud."""
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(len(dataset), _MOST_CLOUDS)).astype(int))
    clouds = [dataset.cloud(int(index)) for index in chosen]
    return np.concatenate([cloud[:: -(-len(cloud) // _MOST_POINTS), 3:] for cloud in clouds]).astype(np.float64)


def _center_and_range(values: NDArray[np.float64]) -> tuple[float, float]:
    low, middle, high = np.quantile(values, _QUANTILES)
    if high <= low:  # nearly all the same
        low, high = values.min(), values.max()
        middle = (low + high) / 2
    return float(middle), float((high - low) / 2) or 1.0
