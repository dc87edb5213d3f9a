"""Means over seeds, and differences between methods that were run with the same seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Spread(NamedTuple):
    """Mean and sample standard deviation (over n - 1); the latter is None for a single value."""

    mean: float
    std: float | None


class Interval(NamedTuple):
    """A mean difference and the ends of its confidence interval; None where a single pair says nothing about them."""

    mean: float
    low: float | None
    high: float | None


def spread(values: Sequence[float]) -> Spread:
    """Mean and sample standard deviation.

    Raises:
        ValueError: if there are no values.
    """
    mean = math.fsum(values) / len(values) if values else float("nan")
    if not values:
        raise ValueError("there are no values to average")
    if len(values) == 1:
        return Spread(mean, None)
    return Spread(mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)))


def paired_difference(values: Sequence[float], reference: Sequence[float], confidence: float = 0.95) -> Interval:
    """Mean of value - reference, pair by pair, with Student's confidence interval.

    Pairing by seed takes out what a seed does to both: the split, the order of the batches, the augmentation.

    Raises:
        ValueError: if the numbers of values differ, or there are none.
    """
    mean, std = spread([value - other for value, other in zip(values, reference, strict=True)])
    if std is None:
        return Interval(mean, None, None)
    half = student_quantile(confidence, len(values) - 1) * std / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def share_interval(mean: float, std: float | None, count: int) -> tuple[float | None, float | None]:
    """The 95 % interval of a mean of shares by Student's t, within [0, 1]; None for a single value."""
    if std is None or count < 2:
        return None, None
    half = student_quantile(0.95, count - 1) * std / math.sqrt(count)
    return max(mean - half, 0.0), min(mean + half, 1.0)


def student_quantile(confidence: float, freedom: int) -> float:
    """The t with P(|T| < t) = `confidence`, for Student's distribution with `freedom` degrees of freedom.

    Raises:
        ValueError: for a confidence outside (0, 1) or less than one degree of freedom.
    """
    if not 0 < confidence < 1 or freedom < 1:
        raise ValueError(f"no quantile for confidence {confidence} and {freedom} degrees of freedom")
    low, high = 0.0, math.pi / 2
    while high - low > 1e-15:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return math.tan((low + high) / 2) * math.sqrt(freedom)


def _within(angle: float, freedom: int) -> float:
    """P(|T| < tan(angle) sqrt(freedom)), exactly (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    cosine = math.cos(angle)
    odd = freedom % 2
    term, total = cosine if odd else 1.0, 0.0
    for power in range(1 + odd, freedom, 2):
        total += term
        term *= cosine * cosine * power / (power + 1)
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
