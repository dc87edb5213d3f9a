"""From raw clouds with labels to a batch: as `pointlora.data.transforms`, with the labels going along."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointlora.data.augmentations import AUGMENTATIONS, POINTWISE, augment
from pointlora.data.feature_names import Triples
from pointlora.data.parts.base import UNCOUNTED, LabelledCloud
from pointlora.data.resampling import resample_for_evaluation, resample_for_training
from pointlora.data.sampling import Key, sample_generator
from pointlora.data.transforms import TransformConfig, prepared_cloud


class LabelledPoints(NamedTuple):
    """A batch of arrays.

    Attributes:
        points: (B, n, 3 + F) float32, what the network sees.
        queries: (B, M, 3 + F) float32, the points to label; None where they are `points` themselves.
        parts: (B, n) or (B, M) int64 labels of the queries; -1 for points that don't count.
    """

    points: NDArray[np.float32]
    queries: NDArray[np.float32] | None
    parts: NDArray[np.int64]


class PartTransform:
    """Turns raw clouds with labels into a batch; what it does to a sample depends on (seed, epoch, index) alone.

    Args:
        config: what to do.
        train: random subset and augmentations; otherwise the same points each time and no augmentation.
        seed: with the key of a sample, determines all its random draws.
        queries: label every point of the cloud, none left out and none twice; otherwise those that the network sees.
    """

    def __init__(
        self, config: TransformConfig | None = None, train: bool = True, seed: int = 0, queries: bool = False
    ) -> None:
        self.config = config if config is not None else TransformConfig()
        self.train, self.seed, self.queries = train, seed, queries

    def __call__(self, clouds: Sequence[LabelledCloud], keys: Sequence[Key]) -> LabelledPoints:
        """Transform B clouds.

        Args:
            clouds: B pairs of points (N_i, 3 + F) and labels (N_i,).
            keys: B pairs (epoch, index); unused in evaluation.
        """
        config = self.config
        points = [prepared_cloud(cloud, config) for cloud, _ in clouds]
        labels = [parts for _, parts in clouds]
        # The label is the last column while points are picked: small whole numbers are exact in float32.
        rows = [np.column_stack([cloud, parts.astype(np.float32)]) for cloud, parts in zip(points, labels, strict=True)]
        if self.train:
            picked = resample_for_training(rows, keys, config.num_points, config.oversample, self.seed)
        else:
            picked = resample_for_evaluation(rows, config.num_points)
        if self.train:
            picked = self._augment_labelled(picked, keys)
        seen, parts = np.ascontiguousarray(picked[..., :-1]), picked[..., -1]
        if not self.queries:
            return LabelledPoints(seen, None, parts.astype(np.int64))
        asked, truth = padded(points, labels)
        if self.train:
            whole = tuple(name for name in config.augmentations if name not in POINTWISE)
            asked = self._augment(asked, whole, keys)
        return LabelledPoints(seen, asked, truth)

    def _augment_labelled(self, rows: NDArray[np.float32], keys: Sequence[Key]) -> NDArray[np.float32]:
        """Augment points whose last column is their label: it goes with a point that takes another one's place."""
        for name in self.config.augmentations:
            if AUGMENTATIONS[name].on == "rows":
                rows = self._augment(rows, (name,), keys)
            else:
                rows = np.concatenate([self._augment(rows[..., :-1], (name,), keys), rows[..., -1:]], -1)
        return rows

    def _augment(self, rows: NDArray[np.float32], names: Sequence[str], keys: Sequence[Key]) -> NDArray[np.float32]:
        return augment(
            rows,
            names,
            self.config,
            lambda purpose: [sample_generator(self.seed, epoch, index, purpose) for epoch, index in keys],
            Triples() if self.config.features is None else self.config.features.triples,
        )


def padded(
    clouds: Sequence[NDArray[np.float32]], labels: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Clouds of any sizes as one array (B, M, 3), filled up with copies of their first point of label -1."""
    most = max(map(len, clouds))
    points = np.stack([np.concatenate([cloud, np.repeat(cloud[:1], most - len(cloud), 0)]) for cloud in clouds])
    parts = np.stack([np.concatenate([own, np.full(most - len(own), UNCOUNTED)]) for own in labels])
    return points.astype(np.float32, copy=False), parts.astype(np.int64, copy=False)
