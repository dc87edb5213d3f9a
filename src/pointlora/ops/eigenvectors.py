"""Eigenvectors that don't depend on who computed them."""

from __future__ import annotations

import torch
from torch import Tensor

# Entries that differ by less are of equal magnitude: two places alike have eigenvectors with a and -a there.
_EQUAL = 1e-6


def fixed_signs(vectors: Tensor) -> Tensor:
    """Each column with the sign that makes its entry of largest magnitude positive, the first one of equals.

    Libraries, devices and precisions return either sign.

    Args:
        vectors: (..., n, k), a vector in each column.
    """
    magnitudes = vectors.abs()
    first = (magnitudes >= (1 - _EQUAL) * magnitudes.amax(-2, keepdim=True)).int().argmax(-2, keepdim=True)
    return torch.where(vectors.gather(-2, first) < 0, -vectors, vectors)
