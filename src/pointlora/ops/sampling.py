"""Farthest point sampling: pick, again and again, the point farthest from all those picked so far.

Eldar et al., "The farthest point strategy for progressive image sampling", 1997. The picks are nested: the first k of
a longer run are the run of length k, so one run serves every scale.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor

from pointlora.ops import triton_dispatch
from pointlora.ops.compiling import is_looped, is_taken_whole
from pointlora.ops.validation import check_count, check_lengths, check_points
from pointlora.torch_private import squared_difference, while_loop

# Numbers among which the largest is looked for at a time, and how many there must be in all for that to be worthwhile.
_BLOCK = 64
_WORTHWHILE = 1 << 16


@torch.no_grad()
def farthest_point_sampling(
    points: Tensor, num_samples: int, start: int | Tensor = 0, lengths: Tensor | None = None
) -> Tensor:
    """Indices of the farthest points of each cloud, in the order in which they are picked.

    Ties go to the lowest index. Distances are computed in float32 whatever the input's type (float64 stays float64).

    Args:
        points: (B, N, 3) clouds; with `lengths`, padded clouds whose padding may hold anything.
        num_samples: how many points to pick, at most N (or the shortest length).
        start: index of the first pick, one for all clouds or a (B,) tensor.
        lengths: (B,) number of real points of each cloud; padding is never picked.

    Returns:
        (B, num_samples) int64 indices.

    Raises:
        ShapeError: for a wrong shape or type, ragged clouds, or more samples than points.
    """
    points, starts = _prepare(points, num_samples, start, lengths)
    if is_taken_whole():
        return torch.ops.pointlora.farthest_points(points, num_samples, starts, lengths)
    return _sample(points, num_samples, starts, lengths)


@torch.no_grad()
def farthest_point_sampling_reference(
    points: Tensor, num_samples: int, start: int | Tensor = 0, lengths: Tensor | None = None
) -> Tensor:
    """The same picks, one cloud and one point at a time, as the definition reads; for tests."""
    points, starts = _prepare(points, num_samples, start, lengths)
    picks = torch.empty(len(points), num_samples, dtype=torch.int64)
    for number, cloud in enumerate(points):
        cloud = cloud if lengths is None else cloud[: int(lengths[number])]
        distances = torch.full((len(cloud),), torch.inf, dtype=cloud.dtype, device=cloud.device)
        pick = int(starts[number])
        for step in range(num_samples):
            picks[number, step] = pick
            dx, dy, dz = (cloud - cloud[pick]).unbind(-1)
            distances = torch.minimum(distances, dx * dx + dy * dy + dz * dz)
            pick = int((distances == distances.max()).nonzero()[0])
    return picks.to(points.device)


def _prepare(points: Tensor, num_samples: int, start: int | Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    check_points(points)
    batch, num_points = points.shape[:2]
    check_count(num_samples, num_points, "num_samples")
    if lengths is not None:
        check_lengths(lengths, batch, num_points, num_samples)
    if isinstance(start, int):
        check_count(start + 1, num_points, "start + 1")
        start = torch.full((batch,), start, dtype=torch.int64, device=points.device)
    if points.dtype in (torch.float16, torch.bfloat16):
        points = points.float()
    return points.detach(), start


def _sample(points: Tensor, num_samples: int, starts: Tensor, lengths: Tensor | None) -> Tensor:
    if triton_dispatch.usable(points):
        from pointlora.ops.triton_sampling import sample_rows

        with torch.cuda.device(points.device):
            return sample_rows(points, num_samples, starts, lengths)
    if is_looped() and lengths is None:
        return sample_in_a_loop(points, num_samples, starts)
    return _sample_rows(points, num_samples, starts, lengths)


_SCHEMA = "(Tensor points, int num_samples, Tensor starts, Tensor? lengths) -> Tensor"
_whole = torch.library.custom_op("pointlora::farthest_points", _sample, mutates_args=(), schema=_SCHEMA)


@_whole.register_fake
def _(points: Tensor, num_samples: int, starts: Tensor, lengths: Tensor | None) -> Tensor:
    return starts.new_empty(points.shape[0], num_samples)


def _sample_rows(points: Tensor, num_samples: int, starts: Tensor, lengths: Tensor | None) -> Tensor:
    """As tensor operations: coordinates as three contiguous rows, every buffer reused, no host synchronisation."""
    batch, num_points = points.shape[:2]
    # An exported graph is for batches of any size.
    eager = points.device.type == "cpu" and not torch.compiler.is_compiling()
    blocks = eager and batch * num_points >= _WORTHWHILE
    padded = -(-num_points // _BLOCK) * _BLOCK if blocks else num_points
    rows = points.new_zeros(3, batch, padded)
    rows[:, :, :num_points] = points.permute(2, 0, 1)
    distances = torch.full_like(rows[0], torch.inf)
    distances[:, num_points:] = -torch.inf
    if lengths is not None:
        padding = torch.arange(padded, device=points.device) >= lengths.to(points.device)[:, None]
        distances.masked_fill_(padding, -torch.inf)
        rows.masked_fill_(padding, 0.0)
    write_largest = _largest_by_blocks(distances) if blocks else partial(torch.argmax, distances, 1, True)
    square, work, picked = torch.empty_like(distances), torch.empty_like(distances), rows.new_empty(3, batch, 1)
    (x, y, z), (picked_x, picked_y, picked_z) = rows.unbind(0), picked.unbind(0)
    picks = torch.empty(num_samples, batch, 1, dtype=torch.int64, device=points.device)
    picks[0, :, 0] = starts
    for last, pick in pairwise(picks.unbind(0)):
        torch.gather(rows, 2, last.expand(3, -1, -1), out=picked)
        squared_difference(x, picked_x, square)
        square.add_(squared_difference(y, picked_y, work))
        square.add_(squared_difference(z, picked_z, work))
        torch.minimum(distances, square, out=distances)
        write_largest(out=pick)
    return picks.squeeze(-1).T.contiguous()


def sample_in_a_loop(points: Tensor, num_samples: int, starts: Tensor) -> Tensor:
    """The same as a loop that an exported program holds, instead of all its steps."""
    rows = points.permute(2, 0, 1).contiguous()
    places = torch.arange(num_samples, device=points.device)

    def goes_on(step: Tensor, last: Tensor, distances: Tensor, picks: Tensor) -> Tensor:
        return step < num_samples

    def take(step: Tensor, last: Tensor, distances: Tensor, picks: Tensor) -> tuple[Tensor, ...]:
        x, y, z = (rows - rows.gather(2, last.expand(3, -1, -1))).square().unbind(0)
        distances = torch.minimum(distances, x + y + z)
        last = distances.argmax(1, keepdim=True)
        return step + 1, last, distances, torch.where(places == step, last, picks)

    first = starts.clone()[:, None]
    begin = torch.ones((), dtype=torch.int64), first, torch.full_like(rows[0], torch.inf), first.repeat(1, num_samples)
    picks: Tensor = while_loop(goes_on, take, begin)[3]
    return picks


def _largest_by_blocks(values: Tensor) -> Callable[..., Tensor]:
    """A function that writes the first place (B, 1) of the largest of values (B, N), as they are then, into `out`.

    On a CPU `argmax`, which promises the first of equal values on every device, goes number by number, but `amax` goes
    vector by vector: only maxima of blocks, and the block that holds the largest, are searched. N is a multiple of it.
    """
    blocks = values.view(len(values), -1, _BLOCK)
    maxima, best = values.new_empty(blocks.shape[:2]), torch.empty(len(values), 1, dtype=torch.int64)
    chosen, place = values.new_empty(len(values), 1, _BLOCK), torch.empty(len(values), 1, dtype=torch.int64)
    index, row = best[:, :, None].expand(-1, -1, _BLOCK), chosen[:, 0]

    def write(out: Tensor) -> Tensor:
        torch.amax(blocks, 2, out=maxima)
        torch.argmax(maxima, 1, keepdim=True, out=best)
        torch.gather(blocks, 1, index, out=chosen)
        torch.argmax(row, 1, keepdim=True, out=place)
        return torch.add(place, best, alpha=_BLOCK, out=out)

    return write
