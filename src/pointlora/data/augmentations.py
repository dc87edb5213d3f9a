"""Random changes of clouds, computed for a whole batch at once from parameters that are drawn for each sample alone.

Each augmentation has a draw, called with a sample's own generator, and an application to (B, N, 3) float32 arrays that
works elementwise. So a sample comes out bit for bit the same in any batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pointlora.data.transforms import TransformConfig

Points = NDArray[np.float32]
Draw = Callable[[np.random.Generator, "TransformConfig", int], NDArray]
Apply = Callable[[Points, NDArray], Points]

AXES = ("x", "y", "z")

# Augmentations that treat each point by itself; all others move or stretch a cloud as a whole.
POINTWISE = ("jitter", "dropout")


class Augmentation(NamedTuple):
    """How to draw a sample's parameters (from a generator, the configuration and N), and how to apply B of them."""

    draw: Draw
    apply: Apply


def augment(
    points: Points, names: Sequence[str], config: TransformConfig, generators: Callable[[str], Sequence]
) -> Points:
    """Apply augmentations in the order of their names.

    Args:
        points: (B, N, 3) float32.
        names: keys of `AUGMENTATIONS`.
        config: ranges and the up axis.
        generators: from a purpose to the B generators of the samples.

    Returns:
        (B, N, 3) float32.
    """
    for name in names:
        augmentation = AUGMENTATIONS[name]
        drawn = [augmentation.draw(generator, config, points.shape[1]) for generator in generators(name)]
        points = augmentation.apply(points, np.stack(drawn))
    return points


def _draw_scales(generator: np.random.Generator, config: TransformConfig, size: int) -> NDArray:
    return generator.uniform(config.scale_low, config.scale_high, (1, 3))


def _draw_uniform_scale(generator: np.random.Generator, config: TransformConfig, size: int) -> NDArray:
    return generator.uniform(config.scale_low, config.scale_high, (1, 1))


def _draw_shift(generator: np.random.Generator, config: TransformConfig, size: int) -> NDArray:
    return generator.uniform(-config.shift, config.shift, (1, 3))


def _draw_scale_and_shift(generator: np.random.Generator, config: TransformConfig, size: int) -> NDArray:
    return np.stack([_draw_scales(generator, config, size), _draw_shift(generator, config, size)])


def _draw_turn(generator: np.random.Generator, config: TransformConfig, size: int) -> NDArray:
    angle = generator.uniform(0.0, 2.0 * np.pi)
    up = AXES.index(config.up_axis)
    first, second = (up + 1) % 3, (up + 2) % 3  # right-handed: x to y about z, y to z about x, z to x about y
    turn = np.eye(3)
    turn[[first, second], [first, second]] = np.cos(angle)
    turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
    return turn


def _draw_rotation(generator: np.random.Generator, config: TransformConfig, size: int) -> NDArray:
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


def _draw_jitter(generator: np.random.Generator, config: TransformConfig, size: int) -> NDArray:
    noise = config.jitter_sigma * generator.standard_normal((size, 3), dtype=np.float32)
    return np.clip(noise, -config.jitter_clip, config.jitter_clip)


def _draw_dropout(generator: np.random.Generator, config: TransformConfig, size: int) -> NDArray:
    ratio = generator.uniform(0.0, config.dropout_ratio)
    dropped = generator.random(size) < ratio
    dropped[0] = False
    return dropped


def _scale(points: Points, scales: NDArray) -> Points:
    return points * scales.astype(np.float32)


def _shift(points: Points, shifts: NDArray) -> Points:
    return points + shifts.astype(np.float32)


def _scale_and_shift(points: Points, drawn: NDArray) -> Points:
    return _shift(_scale(points, drawn[:, 0]), drawn[:, 1])


def _rotate(points: Points, matrices: NDArray) -> Points:
    # Written out instead of a matrix product: the order of the sums doesn't depend on a BLAS or the batch.
    columns = matrices.astype(np.float32).transpose(0, 2, 1)[:, :, None, :]
    return points[..., 0:1] * columns[:, 0] + points[..., 1:2] * columns[:, 1] + points[..., 2:3] * columns[:, 2]


def _drop(points: Points, dropped: NDArray) -> Points:
    """Dropped points become copies of the first one, so that the count stays (Qi et al., PointNet++, 2017)."""
    return np.where(dropped[:, :, None], points[:, :1], points)


AUGMENTATIONS: dict[str, Augmentation] = {
    "scale_translate": Augmentation(_draw_scale_and_shift, _scale_and_shift),
    "scale": Augmentation(_draw_scales, _scale),
    "uniform_scale": Augmentation(_draw_uniform_scale, _scale),
    "translate": Augmentation(_draw_shift, _shift),
    "rotate_up": Augmentation(_draw_turn, _rotate),
    "rotate": Augmentation(_draw_rotation, _rotate),
    "jitter": Augmentation(_draw_jitter, _shift),
    "dropout": Augmentation(_draw_dropout, _drop),
}
