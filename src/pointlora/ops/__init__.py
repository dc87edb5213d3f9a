"""Geometry on (B, N, 3) tensors. Each operator has a validated public function and a plain reference."""

from pointlora.ops.chamfer import chamfer_distance
from pointlora.ops.grouping import Scale, group_scales
from pointlora.ops.interpolation import interpolate_features
from pointlora.ops.neighbors import gather_points, k_nearest_neighbors
from pointlora.ops.sampling import farthest_point_sampling

__all__ = [
    "Scale",
    "chamfer_distance",
    "farthest_point_sampling",
    "gather_points",
    "group_scales",
    "interpolate_features",
    "k_nearest_neighbors",
]
