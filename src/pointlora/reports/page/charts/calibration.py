"""A reliability diagram: accuracy over confidence, and how many clouds each bin holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pointlora.reports.page.charts.axes import Axis, share_axis
from pointlora.reports.page.content import Calibration
from pointlora.reports.page.formats import percent

WIDTH, HEIGHT = 340, 286
LEFT, RIGHT, TOP, BOTTOM = 42, 16, 12, 84
# Height of the bars of counts below the diagram.
BARS = 38


@dataclass(frozen=True)
class BinMark:
    """A bin: the edges and middle of its bar, its dot, its gap to the diagonal, and what is said of it."""

    left: float
    width: float
    x: float
    y: float
    ideal: float
    bar: float
    text: str


@dataclass(frozen=True)
class CalibrationChart:
    """The diagram: axes, marks, the corners of the line through the dots, and a text alternative."""

    x: Axis
    y: Axis
    marks: Sequence[BinMark]
    path: str
    summary: str
    bars_base: float = HEIGHT - 34
    width: int = WIDTH
    height: int = HEIGHT


def calibration_chart(calibration: Calibration) -> CalibrationChart | None:
    """None if no bin holds anything."""
    if not calibration.bins:
        return None
    x = share_axis([0.0, 1.0], LEFT, WIDTH - RIGHT, "confidence", room=0)
    y = share_axis([0.0, 1.0], HEIGHT - BOTTOM, TOP, "accuracy", room=0)
    most = max(bin.count for bin in calibration.bins)
    marks = [
        BinMark(
            left=x(bin.low) + 1,
            width=round(max(x(bin.high) - x(bin.low) - 2, 1), 2),
            x=x(bin.confidence),
            y=y(bin.accuracy),
            ideal=y(bin.confidence),
            bar=round(max(BARS * bin.count / most, 1.0), 2),
            text=(
                f"{bin.count:,} {calibration.of}: confidence {percent(bin.confidence)}, "
                f"accuracy {percent(bin.accuracy)}"
            ),
        )
        for bin in calibration.bins
    ]
    path = "M" + "L".join(f"{mark.x:g} {mark.y:g}" for mark in marks)
    total = sum(bin.count for bin in calibration.bins)
    return CalibrationChart(x, y, marks, path, f"{total:,} {calibration.of}. {verdict(calibration)}")


def verdict(calibration: Calibration) -> str:
    """In words: whether the answers are surer than they are right."""
    total = sum(bin.count for bin in calibration.bins)
    gap = sum(bin.count * (bin.confidence - bin.accuracy) for bin in calibration.bins) / max(total, 1)
    if abs(gap) < 0.01:
        said = "On average the model is as sure as it is right"
    else:
        said = f"On average the model is {'surer' if gap > 0 else 'less sure'} than it is right, by "
        said += f"{percent(abs(gap))[:-1].strip()} percentage points"
    return f"{said}; expected calibration error {percent(calibration.error)}."
