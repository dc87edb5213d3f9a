"""What `PointTransform` does to a cloud in evaluation, as a part of a network: centring, scaling, choosing points."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pointlora.data.features import LIMIT
from pointlora.data.resampling import LARGE_CLOUD
from pointlora.data.transforms import TransformConfig
from pointlora.ops import farthest_point_sampling, gather_points
from pointlora.ops.compiling import is_traced, is_translated
from pointlora.ops.sampling import sample_in_a_loop


def evaluation_points(points: Tensor, count: int) -> Tensor:
    """Indices (B, count) of farthest points of (B, N, 3), or where there are no more, of all, again and again.

    Of a very large cloud only `LARGE_CLOUD` rows are looked at, see `pointlora.data.resampling.spread_rows`.
    """
    if is_translated():
        return torch.ops.pointlora.evaluation_points(points, count)
    return _evaluation_points(points, count)


def _evaluation_points(points: Tensor, count: int) -> Tensor:
    batch, available, _ = points.shape
    repeated = (torch.arange(count, device=points.device) % available).repeat(batch, 1)
    if not is_traced() and available <= count:
        return repeated
    limit = max(LARGE_CLOUD, count)
    seen = torch.sym_min(available, limit) if is_traced() else min(available, limit)
    rows = torch.arange(seen, device=points.device) * available // seen
    if is_traced():
        picks = rows[sample_in_a_loop(points[:, rows], count, repeated[:, 0])]
        return torch.where(torch.scalar_tensor(available, device=points.device) > count, picks, repeated)
    return rows[farthest_point_sampling(points[:, rows], count)]


_whole = torch.library.custom_op(
    "pointlora::evaluation_points",
    _evaluation_points,
    mutates_args=(),
    schema="(Tensor points, int count) -> Tensor",
)


@_whole.register_fake
def _(points: Tensor, count: int) -> Tensor:
    return points.new_empty(points.shape[0], count, dtype=torch.int64)


class Preparation(nn.Module):
    """Raw clouds of any number of points to what a network takes.

    Coordinates and features are scaled in float64, as on the way to training.

    Args:
        config: of the transform; its augmentations count for nothing.
    """

    centers: Tensor
    ranges: Tensor

    def __init__(self, config: TransformConfig) -> None:
        super().__init__()
        self.normalize, self.num_points = config.normalize, config.num_points
        features = config.features
        self.has_features = features is not None
        for name in ("centers", "ranges"):
            values = torch.tensor(() if features is None else getattr(features, name), dtype=torch.float64)
            self.register_buffer(name, values, persistent=False)

    def forward(self, points: Tensor, queries: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Clouds (B, N, 3 + F) to (B, num_points, 3 + F); queries (B, M, 3 + F) into the same frame, all of them."""
        places = points[..., :3].double()
        center = places.mean(1, keepdim=True)
        radius = (places - center).square().sum(-1, keepdim=True).amax(1, keepdim=True).sqrt()
        radius = torch.where(radius > 0, radius, 1.0)
        prepared = self._scaled(points, center, radius)
        index = evaluation_points(prepared[..., :3].contiguous(), self.num_points)
        return gather_points(prepared, index), None if queries is None else self._scaled(queries, center, radius)

    def _scaled(self, points: Tensor, center: Tensor, radius: Tensor) -> Tensor:
        places = points[..., :3]
        if self.normalize:
            places = ((places.double() - center) / radius).float()
        if not self.has_features:
            return places
        values = (points[..., 3:].double() - self.centers) / self.ranges
        return torch.cat([places, values.clamp(-LIMIT, LIMIT).float()], -1)
