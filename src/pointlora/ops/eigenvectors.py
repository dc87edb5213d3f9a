"""Eigenvectors that don't depend on who computed them."""

from __future__ import annotations

import torch
from torch import Tensor


def fixed_signs(vectors: Tensor) -> Tensor:
    """Each column with the sign that makes its entry of largest magnitude positive, the first one of equals.

    Libraries, devices and precisions return either sign.

    Args:
        vectors: (..., n, k), a vector in each column.
    """
    largest = vectors.gather(-2, vectors.abs().argmax(-2, keepdim=True))
    return torch.where(largest < 0, -vectors, vectors)
