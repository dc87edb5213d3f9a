"""Clouds of a report page, and what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Coordinates are whole numbers of so many parts of 1, which a normalised attribute of WebGL reads as they are.
STEPS = 32767


@dataclass(frozen=True)
class Scale:
    """Centers of the patches that the method selected at one scale: `name` for people, `centers` (K, 3) int16."""

    name: str
    centers: NDArray[np.int16]


@dataclass(frozen=True)
class Explanation:
    """What moves a decision: the class's probability when one patch is left out.

    Attributes:
        label: the predicted class, as an index.
        probability: with all patches.
        without: (G,) with each patch of `Cloud.centers` left out.
    """

    label: int
    probability: float
    without: NDArray[np.float32]


@dataclass(frozen=True)
class Neighbor:
    """A training cloud near a cloud: its index in `Report.training`, and the cosine distance of the features."""

    index: int
    distance: float


@dataclass(frozen=True)
class Cloud:
    """A cloud of the gallery.

    Attributes:
        name: such as the file's name.
        points: (N, 3) int16; points / 32767 is the cloud, centered, its largest coordinate 1.
        true, predicted: class, as an index into `Report.names`; None where unknown. In part segmentation the category,
            as an index into `Report.names` too, if there are categories.
        probabilities: the most probable classes (index, probability), first the largest; the true one is always there.
        surprise: how wrong and sure: -log of the true class's probability; the gallery's order. For parts, the
            mean over points; without truth, the entropy in nats.
        wrong: whether the prediction is wrong; None where unknown. Of parts: whether most points are.
        iou: of parts: mean IoU of the cloud; None otherwise.
        colors: (N, 3) uint8 of the file; None if it has none.
        parts_true, parts_predicted: (N,) int16, indices into `Report.part_names`, -1 for none; None for other tasks.
        centers: (G, 3) int16 of the model's patches; None where unknown. A point belongs to the nearest.
        attention: (G,) float32: share of the class token's attention in the last block, mean of the heads.
        selected: what the method selected, a scale each, the finest first.
        explanation: for the most surprising clouds.
        neighbors: nearest training clouds, the nearest first.
    """

    name: str
    points: NDArray[np.int16]
    true: int | None = None
    predicted: int | None = None
    probabilities: Sequence[tuple[int, float]] = ()
    surprise: float = 0.0
    wrong: bool | None = None
    iou: float | None = None
    colors: NDArray[np.uint8] | None = None
    parts_true: NDArray[np.int16] | None = None
    parts_predicted: NDArray[np.int16] | None = None
    centers: NDArray[np.int16] | None = None
    attention: NDArray[np.float32] | None = None
    selected: Sequence[Scale] = ()
    explanation: Explanation | None = None
    neighbors: Sequence[Neighbor] = ()


@dataclass(frozen=True)
class EmbeddingMap:
    """The clouds' features on their first two principal components.

    Attributes:
        xy: (n, 2) float32, each in [-1, 1].
        true, predicted: (n,) indices into `Report.names`; -1 for unknown.
        cloud: (n,) index in `Report.clouds` of the cloud to show; -1 for one that isn't in the gallery.
        explained: shares of the variance of both components.
        names: (n,) of the clouds.
    """

    xy: NDArray[np.float32]
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    cloud: NDArray[np.int64]
    explained: tuple[float, float]
    names: Sequence[str]


@dataclass(frozen=True)
class Suggestion:
    """A cloud to label next.

    Attributes:
        name: of the file, to be copied.
        predicted: class, as an index into `Report.names`.
        probability: of that class.
        entropy: of the prediction, in nats.
        distance: cosine distance of its features to the nearest labelled (or already listed) cloud.
        points: (N, 3) int16, as in `Cloud`.
    """

    name: str
    predicted: int
    probability: float
    entropy: float
    distance: float
    points: NDArray[np.int16]


def frame(points: ArrayLike) -> tuple[NDArray[np.float64], float]:
    """Center (3,) of a cloud's box and half the box's longest edge, which `quantised` needs; (N, 3) points."""
    found = np.asarray(points, dtype=np.float64)
    low, high = found.min(0), found.max(0)
    return (low + high) / 2, max(float((high - low).max()) / 2, 1e-12)


def quantised(points: ArrayLike, center: NDArray[np.float64], radius: float) -> NDArray[np.int16]:
    """Points (N, 3) as whole numbers: `center` becomes 0, `radius` away from it 32767; more is clipped."""
    scaled = (np.asarray(points, dtype=np.float64).reshape(-1, 3) - center) * (STEPS / radius)
    return np.clip(np.rint(scaled), -STEPS, STEPS).astype(np.int16)
