"""Features of clouds: on their two principal components, and which of others are nearest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def principal_plane(features: NDArray[np.floating]) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Rows (n, D) on their first two principal components, (n, 2) within [-1, 1] on one scale.

    Returns:
        the coordinates, and each component's share of the variance. Signs are chosen so that the largest coordinate of
        each direction is positive.
    """
    centered = np.asarray(features, dtype=np.float64) - np.mean(features, axis=0, dtype=np.float64)
    _, sizes, directions = np.linalg.svd(centered, full_matrices=False)
    directions = directions[:2]
    directions *= np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(1)])[:, None]
    plane = np.zeros((len(centered), 2))
    plane[:, : len(directions)] = centered @ directions.T
    shares = np.zeros(2)
    total = float((sizes**2).sum())
    shares[: len(directions)] = sizes[:2] ** 2 / total if total > 0 else 0.0
    plane /= max(float(np.abs(plane).max(initial=0.0)), 1e-12)
    return plane.astype(np.float32), (float(shares[0]), float(shares[1]))


def directions_of(features: NDArray[np.floating], origin: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rows (n, D) as unit vectors from an origin (D,), between which cosine distances are taken."""
    rows = np.asarray(features, dtype=np.float64) - origin
    unit: NDArray[np.float64] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def nearest(
    rows: NDArray[np.float64], others: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices (n, k) and cosine distances of the nearest `others` of each row, all of them unit vectors."""
    distances = 1 - rows @ others.T
    order = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(distances, order, 1).clip(0, 2)
