"""Batches whose resampling and augmentation are drawn already, but carried out where the model is.

On a GPU, farthest point sampling and augmentation take microseconds, and nothing waits for them; on the way there a
batch holds the whole clouds and what was drawn. The result is that of the host, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pointlora.data.augmentations import apply_augmentations
from pointlora.data.feature_names import Triples
from pointlora.data.resampling import Resampling, carry_out
from pointlora.ops import farthest_point_sampling, gather_points


class PendingPoints(NamedTuple):
    """Clouds on their way to a device.

    Attributes:
        points: (B, N, 3) float32, or wider.
        samples: farthest point sampling from point 0 leaves so many; 0 for none.
        chosen: (B, n) int64 positions among what is left; None takes all.
        names: augmentations, in their order.
        drawn: their parameters, see `draw_augmentations`.
        normals, colors: see `Triples`.
    """

    points: Tensor
    samples: int
    chosen: Tensor | None
    names: tuple[str, ...]
    drawn: tuple[Tensor, ...]
    normals: tuple[int, ...] = ()
    colors: tuple[int, ...] = ()

    def finish(self) -> Tensor:
        """The clouds (B, n, 3) as a model sees them, on the device of `points`."""
        points = self.points
        if self.samples:
            points = gather_points(points, farthest_point_sampling(points[..., :3].contiguous(), self.samples))
        if self.chosen is not None:
            points = gather_points(points, self.chosen)
        finished: Tensor = apply_augmentations(points, self.names, self.drawn, Triples(self.normals, self.colors))
        return finished


def pending_points(
    plan: Resampling,
    names: Sequence[str] = (),
    drawn: Sequence[NDArray] = (),
    where: Triples = Triples(),  # noqa: B008  # immutable
) -> PendingPoints:
    """A plan for clouds, to be carried out later; at once, if the clouds differ in size.

    Args:
        plan: how they become clouds of one size.
        names: augmentations that follow.
        drawn: what was drawn for them.
        where: normals and colours stand among the features.
    """
    sizes = {len(cloud) for cloud in plan.clouds}
    parameters = tuple(torch.from_numpy(value) for value in drawn)
    if len(sizes) == 1 and (plan.chosen is not None or plan.samples <= min(sizes)):
        points = np.stack(list(plan.clouds)).astype(np.float32, copy=False)
        samples = plan.samples if plan.samples < min(sizes) else 0
        chosen = None if plan.chosen is None else torch.from_numpy(np.stack(list(plan.chosen)))
        return PendingPoints(torch.from_numpy(points), samples, chosen, tuple(names), parameters, *where)
    return PendingPoints(torch.from_numpy(carry_out(plan)), 0, None, tuple(names), parameters, *where)


def on_device(points: Tensor | PendingPoints, device: torch.device) -> Tensor:
    """Points (B, n, 3) on a device, finished there if they are pending."""
    if not isinstance(points, PendingPoints):
        return points.to(device)
    chosen = None if points.chosen is None else points.chosen.to(device)
    drawn = tuple(value.to(device) for value in points.drawn)
    return points._replace(points=points.points.to(device), chosen=chosen, drawn=drawn).finish()


def finished(batch: Any) -> Any:
    """A batch, with its points finished if they are pending."""
    points = getattr(batch, "points", None)
    return batch._replace(points=points.finish()) if isinstance(points, PendingPoints) else batch
