"""The graph Fourier basis of a cloud's centers (Shuman et al., "The emerging field of signal processing on graphs",
2013), and the order of points along a space-filling curve.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pointlora.ops.eigenvectors import fixed_signs
from pointlora.ops.neighbors import squared_distances

_BITS = 16


@torch.no_grad()
def fourier_basis(centers: Tensor, smallest: Tensor | None = None) -> Tensor:
    """Eigenvectors of the Laplacian of the complete graph of some centers, in columns, the smallest eigenvalue first.

    An edge weighs m / d for a distance d and the cloud's distance m, and a center has one of 1 to itself. The Laplacian
    is I - S A S with S = (the sum of a row of weights A + 1e-6)^-1/2. In float64, with signs as of `fixed_signs`: else
    they would be those of the library and the device. Centers that are less than m apart count as m apart.

    Args:
        centers: (B, S, n, 3), S graphs of each cloud.
        smallest: m, (B,); by default `smallest_distance` of the centers.

    Returns:
        (B, S, n, n) float32.
    """
    distances = _distances(centers)
    unit = smallest_distance(centers) if smallest is None else smallest
    weights = 1 / (distances / unit[:, None, None, None]).clamp_min(1)
    scale = (weights.sum(-1) + 1e-6).rsqrt()
    laplacian = torch.eye(weights.shape[-1], dtype=weights.dtype, device=weights.device)
    laplacian = laplacian - scale[..., None] * weights * scale[..., None, :]
    return fixed_signs(torch.linalg.eigh(laplacian).eigenvectors).float()


@torch.no_grad()
def smallest_distance(centers: Tensor) -> Tensor:
    """The smallest distance above 0 within the graphs (B, S, n, 3) of each cloud, (B,) float64; infinite if none is."""
    distances = _distances(centers)
    return torch.where(distances > 0, distances, torch.inf).flatten(1).amin(1)


def _distances(centers: Tensor) -> Tensor:
    exact = centers.double().flatten(0, 1)
    return squared_distances(exact, exact).sqrt().view(*centers.shape[:-1], -1)


@torch.no_grad()
def z_order(points: Tensor) -> Tensor:
    """Indices (B, N) of points (B, N, 3) along a Z-order curve, equal ones by index.

    Coordinates are cut to whole hundredths, in two's complement of 16 bits, and their bits interleaved, those of y
    first, then x, then z: what is below 0 comes after what isn't.
    """
    # Remainders and not bits, which ONNX has for numbers without a sign alone.
    cells = (100 * points.float()).trunc().long().remainder(1 << _BITS)
    keys = torch.zeros_like(cells[..., 0])
    for bit in range(_BITS):
        bits = (cells // (1 << bit)).remainder(2)
        for place, axis in ((2, 1), (1, 0), (0, 2)):
            keys = keys + bits[..., axis] * (1 << (3 * bit + place))
    # All different, so that no sort has to be a stable one, which ONNX hasn't.
    count = points.shape[1]
    return (keys * count + torch.arange(count, device=keys.device)).argsort(-1)
