"""Random changes of clouds, computed for a whole batch at once from parameters that are drawn for each sample alone.

Each augmentation has a draw, called with a sample's own generator, and an application to (B, N, 3) float32 that works
elementwise, on arrays and on tensors of any device. So a sample comes out bit for bit the same in any batch, anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointlora.data.feature_names import Triples
from pointlora.data.ranges import AXES, AugmentationRanges

Points = NDArray[np.float32]
Draw = Callable[[np.random.Generator, AugmentationRanges, int], NDArray]
# Points (B, N, 3) and the parameters of all samples, both arrays or both tensors.
Apply = Callable[[Any, Any], Any]

# Augmentations that treat each point by itself; all others move or stretch a cloud as a whole.
POINTWISE = ("jitter", "dropout", "resample")
# Those that change features alone.
OF_FEATURES = ("color_jitter", "feature_drop")


class Augmentation(NamedTuple):
    """How to draw a sample's parameters (from a generator, the ranges and N), and how to apply B of them.

    Attributes:
        draw, apply: these.
        on: what it changes of points with features: their `places`; `vectors`, places and normals; `rows`, points with
            all they have; `colors`; or `features`.
    """

    draw: Draw
    apply: Apply
    on: str = "places"


def augment(
    points: Points,
    names: Sequence[str],
    ranges: AugmentationRanges,
    generators: Callable[[str], Sequence],
    where: Triples = Triples(),  # noqa: B008  # immutable
) -> Points:
    """Apply augmentations in the order of their names.

    Args:
        points: (B, N, 3) float32, or (B, N, 3 + F) with features.
        names: keys of `AUGMENTATIONS`.
        ranges: how far each may go.
        generators: from a purpose to the B generators of the samples.
        where: normals and colours stand among the features.

    Returns:
        float32 of the same shape.
    """
    drawn = draw_augmentations(names, ranges, generators, points.shape[1])
    return apply_augmentations(points, names, drawn, where)


def draw_augmentations(
    names: Sequence[str], ranges: AugmentationRanges, generators: Callable[[str], Sequence], num_points: int
) -> list[NDArray]:
    """What `augment` draws, for clouds of `num_points`: an array for each name, whose first axis counts the samples."""
    drawn = []
    for name in names:
        rows = np.stack([AUGMENTATIONS[name].draw(generator, ranges, num_points) for generator in generators(name)])
        drawn.append(rows if rows.dtype == bool else rows.astype(np.float32))
    return drawn


def apply_augmentations(points: Any, names: Sequence[str], drawn: Sequence[Any], where: Triples = Triples()) -> Any:  # noqa: B008
    """Points (B, N, 3) float32, or wider, changed by what was drawn; all are arrays, or tensors of one device."""
    for name, parameters in zip(names, drawn, strict=True):
        change = AUGMENTATIONS[name]
        if points.shape[-1] <= 3 and name in OF_FEATURES:
            continue
        if points.shape[-1] <= 3 or change.on == "rows":
            points = change.apply(points, parameters)
            continue
        begins = {"features": (), "colors": where.colors, "vectors": (-3, *where.normals)}.get(change.on, (-3,))
        points = points.copy() if isinstance(points, np.ndarray) else points.clone()
        for columns in [slice(3 + first, 6 + first) for first in begins] or [slice(3, None)]:
            points[..., columns] = change.apply(points[..., columns], parameters)
    return points


def _draw_scales(generator: np.random.Generator, ranges: AugmentationRanges, size: int) -> NDArray:
    return generator.uniform(ranges.scale_low, ranges.scale_high, (1, 3))


def _draw_uniform_scale(generator: np.random.Generator, ranges: AugmentationRanges, size: int) -> NDArray:
    return generator.uniform(ranges.scale_low, ranges.scale_high, (1, 1))


def _draw_shift(generator: np.random.Generator, ranges: AugmentationRanges, size: int) -> NDArray:
    return generator.uniform(-ranges.shift, ranges.shift, (1, 3))


def _draw_scale_and_shift(generator: np.random.Generator, ranges: AugmentationRanges, size: int) -> NDArray:
    return np.stack([_draw_scales(generator, ranges, size), _draw_shift(generator, ranges, size)])


def _draw_turn(generator: np.random.Generator, ranges: AugmentationRanges, size: int) -> NDArray:
    angle = generator.uniform(0.0, 2.0 * np.pi)
    up = AXES.index(ranges.up_axis)
    first, second = (up + 1) % 3, (up + 2) % 3  # right-handed: x to y about z, y to z about x, z to x about y
    turn = np.eye(3)
    turn[[first, second], [first, second]] = np.cos(angle)
    turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
    return turn


def _draw_rotation(generator: np.random.Generator, ranges: AugmentationRanges, size: int) -> NDArray:
    """Uniform over SO(3): a unit quaternion from four normal numbers (Shoemake, 1992, in its Gaussian form)."""
    quaternion = generator.standard_normal(4)
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _draw_jitter(generator: np.random.Generator, ranges: AugmentationRanges, size: int) -> NDArray:
    noise = ranges.jitter_sigma * generator.standard_normal((size, 3), dtype=np.float32)
    return np.clip(noise, -ranges.jitter_clip, ranges.jitter_clip)


def _draw_dropout(generator: np.random.Generator, ranges: AugmentationRanges, size: int) -> NDArray:
    ratio = generator.uniform(0.0, ranges.dropout_ratio)
    dropped = generator.random(size) < ratio
    dropped[0] = False
    return dropped


def _scale(points: Any, scales: Any) -> Any:
    return points * scales


def _shift(points: Any, shifts: Any) -> Any:
    return points + shifts


def _scale_and_shift(points: Any, drawn: Any) -> Any:
    return points * drawn[:, 0] + drawn[:, 1]


def _rotate(points: Any, matrices: Any) -> Any:
    # Written out instead of a matrix product: the order of the sums doesn't depend on a BLAS or the batch.
    columns = matrices.swapaxes(1, 2)[:, :, None, :]
    return points[..., 0:1] * columns[:, 0] + points[..., 1:2] * columns[:, 1] + points[..., 2:3] * columns[:, 2]


def _drop(points: Any, dropped: Any) -> Any:
    """Dropped points become copies of the first one, so that the count stays (Qi et al., PointNet++, 2017)."""
    where, first = dropped[:, :, None], points[:, :1]
    return np.where(where, first, points) if isinstance(points, np.ndarray) else first.where(where, points)


def _draw_color(generator: np.random.Generator, ranges: AugmentationRanges, size: int) -> NDArray:
    """A gain and a shift of each channel: other light, another camera."""
    reach = ranges.color_jitter
    return np.stack([generator.uniform(1 - reach, 1 + reach, (1, 3)), generator.uniform(-reach, reach, (1, 3))])


def _draw_feature_drop(generator: np.random.Generator, ranges: AugmentationRanges, size: int) -> NDArray:
    return np.full((1, 1), generator.random() >= ranges.feature_drop_ratio)


def _draw_thinning(generator: np.random.Generator, ranges: AugmentationRanges, size: int) -> NDArray:
    """For each point a random number, the direction in which the cloud gets thinner, and how many are kept."""
    kept = max(round(size * np.exp(generator.uniform(np.log(ranges.resample_low), 0.0))), 1)
    direction = generator.standard_normal(3)
    direction *= generator.uniform(0.0, ranges.resample_slope) / np.linalg.norm(direction)
    row = np.broadcast_to([*direction, kept], (size, 4))
    return np.concatenate([generator.gumbel(size=(size, 1)), row], axis=1)


def _thin(points: Any, drawn: Any) -> Any:
    """Some of the points, more of them at one end, again and again, so that the count stays."""
    # The largest of log weight plus Gumbel noise are a sample without replacement in proportion to the weights.
    scores = -drawn[..., 0]
    for axis in range(3):
        scores = scores - drawn[..., 1 + axis] * points[..., axis]
    count = points.shape[1]
    if isinstance(points, np.ndarray):
        order = np.argsort(scores, axis=1, kind="stable")
        places = np.arange(count) % drawn[:, :1, 4].astype(np.int64)
        return np.take_along_axis(points, np.take_along_axis(order, places, 1)[..., None], 1)
    order = scores.argsort(dim=1, stable=True)
    places = scores.new_tensor(range(count)).long() % drawn[:, :1, 4].long()
    return points.gather(1, order.gather(1, places)[..., None].expand(-1, -1, points.shape[-1]))


AUGMENTATIONS: dict[str, Augmentation] = {
    "scale_translate": Augmentation(_draw_scale_and_shift, _scale_and_shift),
    "scale": Augmentation(_draw_scales, _scale),
    "uniform_scale": Augmentation(_draw_uniform_scale, _scale),
    "translate": Augmentation(_draw_shift, _shift),
    "rotate_up": Augmentation(_draw_turn, _rotate, "vectors"),
    "rotate": Augmentation(_draw_rotation, _rotate, "vectors"),
    "jitter": Augmentation(_draw_jitter, _shift),
    "dropout": Augmentation(_draw_dropout, _drop, "rows"),
    "resample": Augmentation(_draw_thinning, _thin, "rows"),
    "color_jitter": Augmentation(_draw_color, _scale_and_shift, "colors"),
    "feature_drop": Augmentation(_draw_feature_drop, _scale, "features"),
}
