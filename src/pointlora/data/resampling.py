"""From clouds of any size to clouds of one size: farthest point sampling, a random subset, or repetition.

No point is ever invented: every output row is a row of the input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pointlora.data.sampling import Key, sample_generator

# Farthest point sampling costs points x samples. Beyond this size a random subset is drawn first; it is dense enough
# that the samples lie where they would have lain.
LARGE_CLOUD = 65_536


class Resampling(NamedTuple):
    """How clouds become clouds of one size, once everything has been drawn.

    Attributes:
        clouds: B arrays (N_i, 3) or wider.
        samples: FPS from point 0 leaves so many of a cloud that has more.
        chosen: B arrays of positions among what is left; None takes all, again and again until there are enough.
    """

    clouds: Sequence[NDArray[np.float32]]
    samples: int
    chosen: Sequence[NDArray[np.int64]] | None


def plan_for_training(
    clouds: Sequence[NDArray[np.float32]], keys: Sequence[Key], num_points: int, oversample: float, seed: int
) -> Resampling:
    """What `resample_for_training` draws; arguments as there."""
    size = round(oversample * num_points)
    shuffled, chosen = [], []
    for cloud, (epoch, index) in zip(clouds, keys, strict=True):
        generator = sample_generator(seed, epoch, index, "resample")
        if len(cloud) > size:
            # FPS starts at the first point, which the permutation makes a random one.
            cloud = cloud.take(generator.permutation(len(cloud))[: max(LARGE_CLOUD, size)], 0)
        shuffled.append(cloud)
        chosen.append(cycled_permutation(generator, min(len(cloud), size), num_points))
    return Resampling(shuffled, size, chosen)


def plan_for_evaluation(clouds: Sequence[NDArray[np.float32]], num_points: int) -> Resampling:
    """The same of `resample_for_evaluation`."""
    limit = max(LARGE_CLOUD, num_points)
    thinned = [cloud[drawn_rows(len(cloud), limit)] if len(cloud) > limit else cloud for cloud in clouds]
    return Resampling(thinned, num_points, None)


def drawn_rows(size: int, count: int) -> NDArray[np.int64]:
    """A random `count` of `size` rows, the same each time, in their order."""
    return np.sort(np.random.default_rng(0).permutation(size)[:count])


def spread_rows(size: int, count: int) -> NDArray[np.int64]:
    """`count` of `size` rows, evenly spread over their order: what an exported network looks at of a very large cloud,
    for it has no generator of random numbers.
    """
    return np.arange(count, dtype=np.int64) * size // count


def with_drawn_spread(cloud: NDArray[np.float32], num_points: int) -> NDArray[np.float32]:
    """All rows of a cloud, of a very large one in an order in which those of `drawn_rows` stand at `spread_rows`."""
    limit = max(LARGE_CLOUD, num_points)
    if len(cloud) <= limit:
        return cloud
    drawn, places = (np.zeros(len(cloud), dtype=bool) for _ in range(2))
    drawn[drawn_rows(len(cloud), limit)] = places[spread_rows(len(cloud), limit)] = True
    ordered = np.empty_like(cloud)
    ordered[places], ordered[~places] = cloud[drawn], cloud[~drawn]
    return ordered


def farthest_points(clouds: Sequence[NDArray[np.float32]], num_samples: int) -> list[NDArray[np.float32]]:
    """FPS from point 0 of the clouds that have more than `num_samples` points; the others as they are."""
    import torch

    from pointlora.ops import farthest_point_sampling

    result = list(clouds)
    by_size: dict[int, list[int]] = {}
    for position, cloud in enumerate(clouds):
        if len(cloud) > num_samples:
            by_size.setdefault(len(cloud), []).append(position)
    for positions in by_size.values():
        stacked = torch.from_numpy(np.stack([clouds[position][:, :3] for position in positions]))
        picks = farthest_point_sampling(stacked, num_samples).numpy()
        for position, pick in zip(positions, picks, strict=True):
            result[position] = clouds[position][pick]
    return result


# As `farthest_points`; there is one with NumPy alone too, which finds the same.
FarthestPoints = Callable[[Sequence[NDArray[np.float32]], int], list[NDArray[np.float32]]]


def carry_out(plan: Resampling, farthest: FarthestPoints | None = None) -> NDArray[np.float32]:
    """The clouds (B, n, 3), or as wide as they were, that a plan makes; FPS is done with torch unless by `farthest`."""
    spread = (farthest or farthest_points)(plan.clouds, plan.samples)
    chosen = plan.chosen or [np.arange(plan.samples) % len(cloud) for cloud in spread]
    picked = [cloud.take(positions, 0) for cloud, positions in zip(spread, chosen, strict=True)]
    return np.stack(picked).astype(np.float32, copy=False)


def resample_for_training(
    clouds: Sequence[NDArray[np.float32]], keys: Sequence[Key], num_points: int, oversample: float, seed: int
) -> NDArray[np.float32]:
    """A new random subset of each cloud in each epoch: FPS to `round(oversample * num_points)`, then a random part.

    FPS begins at a random point. A cloud with fewer points than FPS should leave is taken whole, and one with fewer
    than `num_points` is repeated: each point k or k + 1 times.

    Args:
        clouds: B arrays (N_i, 3), or wider ones whose further columns go with the points.
        keys: B pairs (epoch, index).
        num_points: n, points to return of each.
        oversample: how many times `num_points` FPS leaves; 1.171875 is 2400 for 2048 and 1200 for 1024.
        seed: with the key, determines the draw.

    Returns:
        (B, n, 3) float32, or as wide as the clouds.
    """
    return carry_out(plan_for_training(clouds, keys, num_points, oversample, seed))


def resample_for_evaluation(clouds: Sequence[NDArray[np.float32]], num_points: int) -> NDArray[np.float32]:
    """The same points every time: FPS from point 0; a cloud that has too few is repeated in its own order.

    Returns:
        (B, num_points, 3) float32.
    """
    return carry_out(plan_for_evaluation(clouds, num_points))


def cycled_permutation(generator: np.random.Generator, size: int, count: int) -> NDArray[np.int64]:
    """`count` indices below `size`: whole random permutations one after the other, the last one cut short."""
    rounds = [generator.permutation(size) for _ in range(-(-count // size))]
    return np.concatenate(rounds)[:count]
