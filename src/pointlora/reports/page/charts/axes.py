"""Axes: from values to places in an SVG, with ticks at round values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pointlora.reports.page.formats import MINUS, SPACE, short_count


@dataclass(frozen=True)
class Tick:
    """A mark of an axis: where, and what is written there."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """A linear or logarithmic axis.

    Attributes:
        low, high: values at its ends, `low` below `high`.
        start, end: where these lie; an axis that points up has `end` above, at the smaller number.
        ticks: its marks.
        log: whether it is logarithmic.
        title: what it shows.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: Sequence[Tick] = ()
    log: bool = False
    title: str = ""

    def __call__(self, value: float) -> float:
        """Where a value lies, to a hundredth; values beyond the ends lie at the ends."""
        low, high, value = (math.log(v) if self.log else v for v in (self.low, self.high, max(value, self._least)))
        share = min(max((value - low) / (high - low), 0.0), 1.0)
        return round(self.start + share * (self.end - self.start), 2)

    @property
    def _least(self) -> float:
        return self.low if self.log else -math.inf


def share_axis(values: Sequence[float], start: float, end: float, title: str = "", room: float = 0.08) -> Axis:
    """For shares, in percent: as much of [0, 1] as the values need, with some room, ends at round values."""
    low, high = min(values), max(values)
    # Equal values need a little width too.
    room = max(room * (high - low), 0.0 if high > low else 0.01)
    low, high = max(low - room, 0.0), min(high + room, 1.0)
    step = _step(high - low, 5)
    low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    digits = 0 if step > 0.0099 else 1
    return _linear(low, high, step, start, end, title, lambda value: f"{100 * value:.{digits}f}{SPACE}%")


def number_axis(values: Sequence[float], start: float, end: float, title: str = "", whole: bool = False) -> Axis:
    """For numbers: all the values, and 0 where it is near, with ends at round values."""
    low, high = min(values), max(values)
    if 0 < low < 0.5 * high:
        low = 0.0
    if high == low:
        low, high = low - 0.5, high + 0.5
    step = _step(high - low, 5)
    step = max(step, 1.0) if whole else step
    if not whole:
        low, high = step * math.floor(low / step + 1e-9), step * math.ceil(high / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return _linear(low, high, step, start, end, title, lambda value: f"{value:.{digits}f}".replace("-", MINUS))


def log_axis(values: Sequence[float], start: float, end: float, title: str = "") -> Axis:
    """For sizes above 0 on a logarithmic scale, with marks at powers of ten, or between them where these are few."""
    low, high = min(values) / 1.5, max(values) * 1.5
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    marks: list[float] = []
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        marks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
        if len(marks) > 2:
            break
    axis = Axis(low, high, start, end, (), True, title)
    text = [short_count(mark) if mark >= 1 else f"{mark:g}" for mark in marks]
    return Axis(low, high, start, end, [Tick(axis(m), t) for m, t in zip(marks, text, strict=True)], True, title)


def _linear(
    low: float, high: float, step: float, start: float, end: float, title: str, write: Callable[[float], str]
) -> Axis:
    axis = Axis(low, high, start, end, (), False, title)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = [Tick(axis(step * at), write(step * at)) for at in range(first, last + 1)]
    return Axis(low, high, start, end, ticks, False, title)


def _step(span: float, most: int) -> float:
    """The smallest of 1, 2 and 5 times a power of ten of which the span holds no more than so many."""
    power = 10.0 ** math.floor(math.log10(span / most))
    return next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most + 1e-9)
