"""From raw clouds to a batch for a model: normalise, resample to one size, augment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pointlora.checks import check_choice, check_integer, check_number
from pointlora.data.augmentations import AUGMENTATIONS, apply_augmentations, draw_augmentations
from pointlora.data.feature_names import Triples
from pointlora.data.features import FeatureScaling
from pointlora.data.ranges import AugmentationRanges
from pointlora.data.resampling import (
    FarthestPoints,
    Resampling,
    carry_out,
    plan_for_evaluation,
    plan_for_training,
)
from pointlora.data.sampling import Key, sample_generator
from pointlora.errors import ConfigError


@dataclass(frozen=True)
class TransformConfig(AugmentationRanges):
    """What happens to a cloud on its way to the model, and how far the augmentations may go.

    Attributes:
        num_points: points per cloud in a batch.
        normalize: centre each cloud on its mean and scale it into the unit sphere.
        oversample: training draws `num_points` at random from this many times as many, spread by farthest point
            sampling; 1.171875 makes 2400 of 2048 and 1200 of 1024, as the published recipes have it.
        augmentations: names in the order in which they are applied; used in training and voting. `scale_translate`,
            `scale` (each axis its own), `uniform_scale`, `translate`, `rotate_up`, `rotate` (any rotation), `jitter`,
            `dropout`, `resample` (random counts and densities); of features `color_jitter` and `feature_drop`.
        features: the scales of the features that clouds (N, 3 + F) have; None for clouds without.

    Raises:
        ConfigError: for an unknown augmentation or axis, or a number out of range.
    """

    num_points: int = 2048
    normalize: bool = True
    oversample: float = 1.171875
    augmentations: tuple[str, ...] = ("scale_translate",)
    features: FeatureScaling | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.augmentations, str):
            raise ConfigError(f"augmentations is {self.augmentations!r}, but it must be a list of names")
        # YAML gives lists.
        object.__setattr__(self, "augmentations", tuple(self.augmentations))
        for name in self.augmentations:
            check_choice("augmentation", name, AUGMENTATIONS)
        check_integer("num_points", self.num_points, 1)
        check_number("oversample", self.oversample, 1.0)


class PointTransform:
    """Turns raw clouds into a batch; what it does to a sample depends on (seed, epoch, index) alone.

    Args:
        config: what to do.
        train: random subset and augmentations; otherwise the same points each time and no augmentation.
        seed: with the key of a sample, determines all its random draws.
        farthest: does farthest point sampling; by default with torch.
    """

    def __init__(
        self,
        config: TransformConfig | None = None,
        train: bool = True,
        seed: int = 0,
        farthest: FarthestPoints | None = None,
    ) -> None:
        self.config = config if config is not None else TransformConfig()
        self.train = train
        self.seed = seed
        self.farthest = farthest

    def __call__(self, clouds: Sequence[NDArray[np.float32]], keys: Sequence[Key]) -> NDArray[np.float32]:
        """Transform B clouds.

        Args:
            clouds: a (B, N, 3) array or B arrays (N_i, 3), each of at least one point; wider ones with features.
            keys: B pairs (epoch, index); unused in evaluation.

        Returns:
            (B, num_points, 3) float32, or as wide as the clouds.
        """
        plan, drawn = self.draw(clouds, keys)
        points: NDArray[np.float32] = apply_augmentations(carry_out(plan, self.farthest), self.names, drawn, self.where)
        return points

    @property
    def names(self) -> tuple[str, ...]:
        """The augmentations that are applied; none in evaluation."""
        return self.config.augmentations if self.train else ()

    @property
    def where(self) -> Triples:
        """Where normals and colours stand among the features."""
        return Triples() if self.config.features is None else self.config.features.triples

    def draw(self, clouds: Sequence[NDArray[np.float32]], keys: Sequence[Key]) -> tuple[Resampling, list[NDArray]]:
        """Normalise B clouds and draw all that happens to them, without doing it.

        Returns:
            how they are resampled, and the parameters of `names`.
        """
        config = self.config
        clouds = [prepared_cloud(cloud, config) for cloud in clouds]
        if not self.train:
            return plan_for_evaluation(clouds, config.num_points), []
        plan = plan_for_training(clouds, keys, config.num_points, config.oversample, self.seed)
        return plan, draw_augmentations(
            config.augmentations,
            config,
            lambda purpose: [sample_generator(self.seed, epoch, index, purpose) for epoch, index in keys],
            config.num_points,
        )


def prepared_cloud(cloud: NDArray[np.float32], config: TransformConfig) -> NDArray[np.float32]:
    """A cloud (N, 3 + F) in the unit sphere, where that is wanted, its features scaled."""
    if config.normalize:
        cloud = normalize_unit_sphere(cloud)
    return cloud if config.features is None else config.features.scale(cloud)


def normalize_unit_sphere(points: NDArray) -> NDArray[np.float32]:
    """Centre a cloud on the mean of its points and scale the farthest one to distance 1.

    A cloud whose points all coincide is only centred.

    Args:
        points: (N, 3), or (B, N, 3) for B clouds, each normalised alone; further columns stay as they are.

    Returns:
        float32 array of the same shape.
    """
    if points.ndim == 3:
        return np.stack([normalize_unit_sphere(cloud) for cloud in points])
    if points.shape[1] > 3:
        return np.concatenate([normalize_unit_sphere(points[:, :3]), points[:, 3:]], 1, dtype=np.float32)
    rows = _rows(points)
    _, radius = _sphere_of(rows)
    rows /= radius
    return np.ascontiguousarray(rows.T, dtype=np.float32)


def unit_sphere(points: NDArray) -> tuple[NDArray[np.float64], float]:
    """Mean (3,) of the points (N, 3), and the distance of the farthest one from it; 1 where all coincide."""
    return _sphere_of(_rows(points))


def _rows(points: NDArray) -> NDArray[np.float64]:
    """Points (N, 3) as three contiguous rows.

    In float64, because clouds in world coordinates (metres from a datum) have means far from their extent.
    """
    return np.array(points.T, dtype=np.float64, order="C")


def _sphere_of(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """`unit_sphere` of rows (3, N), which are centred in place."""
    center = rows.mean(axis=1)
    rows -= center[:, None]
    radius = float(np.sqrt(np.einsum("ij,ij->j", rows, rows).max()))
    return center, radius if radius > 0.0 else 1.0


def into_sphere(points: NDArray, center: NDArray[np.float64], radius: float) -> NDArray[np.float32]:
    """Points (N, 3), of this cloud or of another, in the frame where the sphere has center 0 and radius 1."""
    return ((points.astype(np.float64) - center) / radius).astype(np.float32)
