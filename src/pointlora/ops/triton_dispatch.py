"""Whether the Triton kernels may be used: on a GPU where they run and find what the tensor operations find."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec

import torch
from torch import Tensor

from pointlora import fast_paths

MAX_POINTS = 8192  # a cloud is held in the registers of one program
MAX_NEIGHBORS = 256  # beyond, a pass a neighbour is slower than sorting


def usable(points: Tensor) -> bool:
    """Whether the kernels take these points (B, N, 3): float32 on a GPU, few enough, and Triton works there.

    Without Triton, or where it can't compile (no C compiler beside it, an old GPU), the answer is no and the tensor
    operations are used, which give the same indices.
    """
    # A subclass may hold no memory that a kernel could read (fake tensors) or more than one piece of it.
    if not fast_paths.enabled() or not points.is_cuda or type(points) is not Tensor or points.dtype != torch.float32:
        return False
    if points.shape[1] > MAX_POINTS or not points.numel():
        return False
    return find_spec("triton") is not None and _works(points.device)


@lru_cache
def _works(device: torch.device) -> bool:
    """Try both kernels on a small cloud with ties, once per device."""
    try:
        with torch.cuda.device(device):
            return agrees(device)
    except Exception:  # whatever keeps Triton from running: the tensor operations remain
        return False


def agrees(device: torch.device) -> bool:
    """Whether both kernels find the known picks and neighbours of a line of points with a double one."""
    from pointlora.ops.triton_neighbors import nearest_rows
    from pointlora.ops.triton_sampling import sample_rows

    line = torch.tensor([0.0, 1.0, 2.0, 2.0, 10.0], device=device)
    points = line[None, :, None] * torch.tensor([1.0, 0.0, 0.0], device=device)
    picks = sample_rows(points, 5, torch.zeros(1, dtype=torch.int64, device=device))
    found = nearest_rows(points[:, 1:2], points, 4)
    return picks.tolist() == [[0, 4, 2, 1, 0]] and found.tolist() == [[[1, 0, 2, 3]]]
