"""Farthest point sampling as one Triton kernel: one program a cloud, coordinates and distances on the chip.

The loop of tensor operations launches a dozen kernels a pick, each through memory; here a pick is one pass over
registers. Distances are rounded after every multiplication and addition, as on a CPU, so the picks are the same ones.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _farthest_points(  # type: ignore[no-untyped-def]
    points,
    starts,
    lengths,
    picks,
    num_points,
    num_samples,
    HAS_LENGTHS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    cloud = tl.program_id(0).to(tl.int64)
    points += cloud * num_points * 3
    picks += cloud * num_samples
    column = tl.arange(0, BLOCK)
    if HAS_LENGTHS:
        real = column < tl.load(lengths + cloud)
    else:
        real = column < num_points
    x = tl.load(points + 3 * column, mask=real, other=0.0)
    y = tl.load(points + 3 * column + 1, mask=real, other=0.0)
    z = tl.load(points + 3 * column + 2, mask=real, other=0.0)
    distances = tl.where(real, float("inf"), float("-inf"))
    pick = tl.load(starts + cloud).to(tl.int32)
    for step in range(num_samples):
        tl.store(picks + step, pick.to(tl.int64))
        dx = x - tl.load(points + 3 * pick)
        dy = y - tl.load(points + 3 * pick + 1)
        dz = z - tl.load(points + 3 * pick + 2)
        distances = tl.minimum(distances, dx * dx + dy * dy + dz * dz)
        pick = tl.argmax(distances, axis=0, tie_break_left=True).to(tl.int32)


def sample_rows(points: Tensor, num_samples: int, starts: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Indices (B, num_samples) of the farthest points; see `pointlora.ops.farthest_point_sampling`.

    Args:
        points: (B, N, 3) float32, N small enough to be held on the chip.
        num_samples: how many.
        starts: (B,) int64 first picks.
        lengths: (B,) number of real points.
    """
    batch, num_points = points.shape[:2]
    points, starts = points.contiguous(), starts.to(points.device).contiguous()
    picks = torch.empty(batch, num_samples, dtype=torch.int64, device=points.device)
    block = triton.next_power_of_2(num_points)
    _farthest_points[(batch,)](
        points,
        starts,
        starts if lengths is None else lengths.to(points.device).contiguous(),
        picks,
        num_points,
        num_samples,
        HAS_LENGTHS=lengths is not None,
        BLOCK=block,
        num_warps=min(max(block // 256, 1), 16),
        # A fused multiply-add rounds once where a CPU rounds twice, and then ties break another way.
        enable_fp_fusion=False,
    )
    return picks
