"""The k nearest neighbours of query points, and picking points by index."""

from __future__ import annotations

import torch
from torch import Tensor

from pointlora.ops import triton_dispatch
from pointlora.ops.compiling import is_taken_whole, is_traced, is_translated
from pointlora.ops.validation import check_count, check_lengths, check_points

# Elements of one block of distances: a CPU keeps it in its cache, on a GPU it bounds the memory (a quarter of a GB).
_CPU_BLOCK, _GPU_BLOCK = 1 << 18, 1 << 24


def gather_points(points: Tensor, index: Tensor) -> Tensor:
    """Pick rows of each cloud.

    Args:
        points: (B, N, C).
        index: (B, ...) int64 indices into N.

    Returns:
        (B, ..., C).
    """
    batch, _, width = points.shape
    flat = index.reshape(batch, -1, 1).expand(-1, -1, width)
    return points.gather(1, flat).reshape(*index.shape, width)


@torch.no_grad()
def squared_distances(queries: Tensor, points: Tensor) -> Tensor:
    """Exact squared distances (B, M, N): differences first, then squares.

    The shortcut |q|² - 2 q·p + |p|² loses half the digits for close points and swaps neighbours, so it isn't used.
    Squares and sums are rounded one by one: `addcmul` rounds differently from device to device.
    """
    total = None
    rows = points.transpose(1, 2).contiguous()
    for axis in range(3):
        square = (queries[..., axis, None] - rows[:, None, axis]).square_()
        total = square if total is None else total.add_(square)
    assert total is not None
    return total


@torch.no_grad()
def k_nearest_neighbors(queries: Tensor, points: Tensor, k: int, lengths: Tensor | None = None) -> Tensor:
    """Indices of the k points nearest to each query, nearest first.

    Args:
        queries: (B, M, 3).
        points: (B, N, 3).
        k: how many neighbours, at most N (or the shortest length).
        lengths: (B,) number of real points of each cloud; padding is never a neighbour.

    Returns:
        (B, M, k) int64 indices into N.

    Raises:
        ShapeError: for a wrong shape or type, or k larger than the number of points.
    """
    check_points(queries, "queries")
    check_points(points)
    check_count(k, points.shape[1], "k")
    if lengths is not None:
        check_lengths(lengths, points.shape[0], points.shape[1], k)
    return nearest_indices(queries.float(), points.float(), k, lengths)


def nearest_indices(queries: Tensor, points: Tensor, k: int, lengths: Tensor | None = None) -> Tensor:
    """`k_nearest_neighbors` of float32 tensors without its checks."""
    if is_taken_whole():
        return torch.ops.pointlora.nearest_points(queries, points, k, lengths)
    if is_traced():
        return nearest_of(mask_padding(squared_distances(queries, points), lengths), k)
    return _nearest(queries, points, k, lengths)


def _nearest(queries: Tensor, points: Tensor, k: int, lengths: Tensor | None) -> Tensor:
    if k <= triton_dispatch.MAX_NEIGHBORS and triton_dispatch.usable(points):
        from pointlora.ops.triton_neighbors import nearest_rows

        with torch.cuda.device(points.device):
            return nearest_rows(queries, points, k, lengths)
    many = max(_CPU_BLOCK, torch.get_num_threads() * _CPU_BLOCK // 2) if points.device.type == "cpu" else _GPU_BLOCK
    return nearest_in_blocks(queries, points, k, lengths, many)


_SCHEMA = "(Tensor queries, Tensor points, int k, Tensor? lengths) -> Tensor"
_whole = torch.library.custom_op("pointlora::nearest_points", _nearest, mutates_args=(), schema=_SCHEMA)


@_whole.register_fake
def _(queries: Tensor, points: Tensor, k: int, lengths: Tensor | None) -> Tensor:
    return queries.new_empty(*queries.shape[:2], k, dtype=torch.int64)


def nearest_in_blocks(queries: Tensor, points: Tensor, k: int, lengths: Tensor | None, elements: int) -> Tensor:
    """The neighbours, found for so many clouds or queries at a time that a block of distances has `elements`."""
    batch, num_queries = queries.shape[:2]
    clouds = max(elements // (num_queries * points.shape[1]), 1)
    rows = max(elements // points.shape[1], 1)
    found = torch.empty(batch, num_queries, k, dtype=torch.int64, device=points.device)
    for first in range(0, batch, clouds):
        some = slice(first, first + clouds)
        counts = None if lengths is None else lengths[some]
        for row in range(0, num_queries, rows):
            part = slice(row, row + rows)
            distances = mask_padding(squared_distances(queries[some, part], points[some]), counts)
            found[some, part] = nearest_of(distances, k)
    return found


def mask_padding(distances: Tensor, lengths: Tensor | None) -> Tensor:
    """Set the distances (B, M, N) of padding to infinity, in place."""
    if lengths is None:
        return distances
    padding = torch.arange(distances.shape[-1], device=distances.device) >= lengths.to(distances.device)[:, None]
    return distances.masked_fill_(padding[:, None], torch.inf)


def nearest_of(distances: Tensor, k: int) -> Tensor:
    """Indices (B, M, k) of the k smallest distances (B, M, N, float32, >= 0), nearest first, equal ones by index.

    `topk` orders equal values differently from device to device. The bits of a non-negative float sort like the
    number itself, so bits and index packed into one integer make every key distinct.
    """
    if is_translated():
        return torch.ops.pointlora.smallest(distances, k)
    return _smallest(distances, k)


def _smallest(distances: Tensor, k: int) -> Tensor:
    keys = distances.contiguous().view(torch.int32).to(torch.int64).bitwise_left_shift_(32)
    keys += torch.arange(distances.shape[-1], device=distances.device)
    return keys.topk(k, dim=-1, largest=False, sorted=True).indices


_smallest_whole = torch.library.custom_op(
    "pointlora::smallest", _smallest, mutates_args=(), schema="(Tensor distances, int k) -> Tensor"
)


@_smallest_whole.register_fake
def _(distances: Tensor, k: int) -> Tensor:
    return distances.new_empty(*distances.shape[:-1], k, dtype=torch.int64)


@torch.no_grad()
def k_nearest_neighbors_reference(queries: Tensor, points: Tensor, k: int, lengths: Tensor | None = None) -> Tensor:
    """The same neighbours by a full sort of each query's distances; equal distances go by index. For tests."""
    found = torch.empty(*queries.shape[:2], k, dtype=torch.int64)
    for number, (cloud_queries, cloud) in enumerate(zip(queries, points, strict=True)):
        cloud = cloud if lengths is None else cloud[: int(lengths[number])]
        for row, query in enumerate(cloud_queries):
            dx, dy, dz = (query - cloud).unbind(-1)
            found[number, row] = torch.argsort(dx * dx + dy * dy + dz * dz, stable=True)[:k]
    return found.to(points.device)
