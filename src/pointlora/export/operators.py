"""Our operators as graphs of standard ONNX operators, which pick the same points, ties included.

torch.onnx translates all of a network but the operators of `pointlora.ops`, which appear as single nodes in what
torch.export makes (`pointlora.ops.compiling.operators_in_exports`). Squares and sums are rounded one by one, here as
there. Equal numbers go by their index: ONNX promises it of ArgMax, ArgMin and TopK.
"""

# The functions under @script are a language of its own, which looks like Python, and reads its annotations itself.
# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from onnxscript import FLOAT, INT64, opset18, script

from pointlora.data.resampling import LARGE_CLOUD
from pointlora.export.eigenvectors import eigh
from pointlora.torch_private import distance_operator, eigenvector_operator

op: Any = opset18
OPSET = 18


@script(default_opset=opset18)
def _walk_farthest(rows: FLOAT[...], start: INT64[...], more: INT64[...]) -> INT64[...]:
    """Indices (B, 1 + more) of farthest points of rows (B, 3, N), from start (B, 1) on."""
    first, last = op.Shape(rows, start=0, end=1), op.Shape(rows, start=2, end=3)
    distances = op.Expand(op.Constant(value_float=float("inf")), op.Concat(first, [1], last, axis=0))
    picks = start
    pick = op.Unsqueeze(start, [2])
    for _ in range(more):
        difference = rows - op.GatherElements(rows, op.Expand(pick, [1, 3, 1]), axis=2)
        x, y, z = op.Split(difference * difference, num_outputs=3, axis=1)
        distances = op.Min(distances, x + y + z)
        pick = op.ArgMax(distances, axis=2, keepdims=1)
        picks = op.Concat(picks, op.Squeeze(pick, [2]), axis=1)
    return picks


@script(default_opset=opset18)
def _evaluation_points(rows: FLOAT[...], start: INT64[...], count: INT64[...], limit: INT64[...]) -> INT64[...]:
    """Farthest points where there are more than are wanted, else all points, again and again until there are enough.

    Where there are more than `limit`, so many are looked at, evenly spread over their order.
    """
    available = op.Squeeze(op.Shape(rows, start=2, end=3), [0])
    if available > count:
        seen = op.Min(available, limit)
        places = op.Range(0, seen, 1) * available / seen
        picks = op.Gather(places, _walk_farthest(op.Gather(rows, places, axis=2), start, count - 1))
    else:
        picks = start + op.Unsqueeze(op.Range(0, count, 1) % available, [0])
    return picks


@script(default_opset=opset18)
def _walk_nearest(distances: FLOAT[...], start: INT64[...], more: INT64[...]) -> INT64[...]:
    """The order (B, 1 + more) of a walk from start (B, 1) to the nearest not visited, by distances (B, G, G)."""
    infinite = op.Expand(op.Constant(value_float=float("inf")), op.Shape(start))
    visited = op.ReduceSum(distances, [1], keepdims=0) * 0.0
    order = start
    current = start
    for _ in range(more):
        visited = op.ScatterElements(visited, current, infinite, axis=1)
        current = op.ArgMin(op.GatherND(distances, current, batch_dims=1) + visited, axis=1, keepdims=1)
        order = op.Concat(order, current, axis=1)
    return order


def farthest_points(points: Any, num_samples: int, starts: Any, lengths: Any = None) -> Any:
    rows = op.Transpose(points, perm=[0, 2, 1])
    return _walk_farthest(rows, op.Unsqueeze(starts, _ints(1)), _int(num_samples - 1))


def evaluation_points(points: Any, count: int) -> Any:
    rows = op.Transpose(points, perm=[0, 2, 1])
    start = op.Expand(_int(0), op.Concat(op.Shape(points, start=0, end=1), _ints(1), axis=0))
    return _evaluation_points(rows, start, _int(count), _int(max(LARGE_CLOUD, count)))


def nearest_points(queries: Any, points: Any, k: int, lengths: Any = None) -> Any:
    return smallest(_squared_distances(queries, points), k)


def smallest(distances: Any, k: int) -> Any:
    _, indices = op.TopK(distances, _ints(k), axis=-1, largest=0, sorted=1)
    return indices


def greedy_order(centers: Any) -> Any:
    distances = _squared_distances(centers, centers)
    start = op.Expand(_int(0), op.Concat(op.Shape(centers, start=0, end=1), _ints(1), axis=0))
    count = op.Squeeze(op.Shape(centers, start=1, end=2), _ints(0))
    return _walk_nearest(distances, start, op.Sub(count, _int(1)))


def cdist(left: Any, right: Any, p: float = 2.0, mode: int | None = None) -> Any:
    """torch.cdist of (B, M, C) and (B, N, C), which torch.onnx doesn't know."""
    assert p == 2.0
    differences = op.Sub(op.Unsqueeze(left, _ints(-2)), op.Unsqueeze(right, _ints(-3)))
    return op.Sqrt(op.ReduceSum(op.Mul(differences, differences), _ints(-1), keepdims=0))


def _squared_distances(queries: Any, points: Any) -> Any:
    """(B, M, N) of queries (B, M, 3) and points (B, N, 3)."""
    columns = op.Split(queries, num_outputs=3, axis=2)
    rows = op.Split(op.Transpose(points, perm=[0, 2, 1]), num_outputs=3, axis=1)
    differences = [op.Sub(column, row) for column, row in zip(columns, rows, strict=True)]
    x, y, z = (op.Mul(difference, difference) for difference in differences)
    return op.Add(op.Add(x, y), z)


def _int(value: int) -> Any:
    return op.Constant(value_int=value)


def _ints(*values: int) -> Any:
    return op.Constant(value_ints=list(values))


def translations() -> dict[Any, Callable[..., Any]]:
    """What torch.onnx needs to know of our operators."""
    names: dict[str, Callable[..., Any]] = {
        "farthest_points": farthest_points,
        "evaluation_points": evaluation_points,
        "nearest_points": nearest_points,
        "smallest": smallest,
        "greedy_order": greedy_order,
    }
    own = {getattr(torch.ops.pointlora, name).default: made for name, made in names.items()}
    return {**own, distance_operator(): cdist, eigenvector_operator(): eigh}
