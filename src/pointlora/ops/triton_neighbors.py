"""The k nearest neighbours as one Triton kernel: one program a query, no matrix of distances in memory.

Distances are rounded as on a CPU. Their bits and the index, packed into one integer, order the points by distance and
then by index, so the neighbours are those of the tensor operations, index for index.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor


@triton.jit
def _nearest_points(  # type: ignore[no-untyped-def]
    queries,
    points,
    lengths,
    found,
    num_queries,
    num_points,
    k,
    HAS_LENGTHS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    cloud, number = tl.program_id(1).to(tl.int64), tl.program_id(0).to(tl.int64)
    query = queries + (cloud * num_queries + number) * 3
    points += cloud * num_points * 3
    found += (cloud * num_queries + number) * k
    column = tl.arange(0, BLOCK)
    if HAS_LENGTHS:
        real = column < tl.load(lengths + cloud)
    else:
        real = column < num_points
    dx = tl.load(query) - tl.load(points + 3 * column, mask=real, other=0.0)
    dy = tl.load(query + 1) - tl.load(points + 3 * column + 1, mask=real, other=0.0)
    dz = tl.load(query + 2) - tl.load(points + 3 * column + 2, mask=real, other=0.0)
    bits = (dx * dx + dy * dy + dz * dz).to(tl.int32, bitcast=True).to(tl.int64)
    taken = 0x7FFFFFFFFFFFFFFF
    keys = tl.where(real, (bits << 32) + column, taken)
    for step in range(k):
        least = tl.min(keys, axis=0)
        tl.store(found + step, least & 0xFFFFFFFF)
        keys = tl.where(keys == least, taken, keys)


def nearest_rows(queries: Tensor, points: Tensor, k: int, lengths: Tensor | None = None) -> Tensor:
    """Indices (B, M, k) of the nearest points; see `pointlora.ops.k_nearest_neighbors`.

    Args:
        queries: (B, M, 3) float32.
        points: (B, N, 3) float32, N small enough to be held on the chip.
        k: how many.
        lengths: (B,) number of real points.
    """
    batch, num_queries = queries.shape[:2]
    queries, points = queries.contiguous(), points.contiguous()
    found = torch.empty(batch, num_queries, k, dtype=torch.int64, device=points.device)
    block = triton.next_power_of_2(points.shape[1])
    _nearest_points[(num_queries, batch)](
        queries,
        points,
        queries if lengths is None else lengths.to(points.device).contiguous(),
        found,
        num_queries,
        points.shape[1],
        k,
        HAS_LENGTHS=lengths is not None,
        BLOCK=block,
        num_warps=min(max(block // 512, 1), 16),
        # As in sampling: the same rounding as on a CPU, so the same order.
        enable_fp_fusion=False,
    )
    return found
