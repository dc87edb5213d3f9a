"""Learning curves: a chart for each unit, with the chosen epoch marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pointlora.reports.page.charts.axes import Axis, number_axis, share_axis
from pointlora.reports.page.content import Curve, Learning

WIDTH, HEIGHT = 340, 230
LEFT, RIGHT, TOP, BOTTOM = 42, 10, 28, 36


@dataclass(frozen=True)
class Line:
    """A curve: its name, the corners of its pieces (gaps where nothing was measured beside a long gap are bridged),
    its single dots, and its place among the colours."""

    name: str
    path: str
    dots: Sequence[tuple[float, float]]
    color: int


@dataclass(frozen=True)
class CurveChart:
    """Curves of one unit over the epochs.

    Attributes:
        title: what its figures are.
        x, y: axes.
        lines: curves.
        chosen: where the chosen epoch lies; None if it is unknown or before the first.
        chosen_epoch: its number.
        readings: of each epoch, for the pointer: its place, its number and each curve's value.
        summary: a text alternative.
    """

    title: str
    x: Axis
    y: Axis
    lines: Sequence[Line]
    chosen: float | None
    chosen_epoch: int | None
    readings: Sequence[dict[str, object]]
    summary: str
    width: int = WIDTH
    height: int = HEIGHT


def learning_charts(learning: Learning) -> list[CurveChart]:
    """One chart per unit that has a value, shares first."""
    charts = []
    for unit in ("share", "number"):
        curves = [curve for curve in learning.curves if curve.unit == unit and any(v is not None for v in curve.values)]
        if curves and learning.epochs:
            charts.append(_chart(learning, curves))
    return charts


def _chart(learning: Learning, curves: Sequence[Curve]) -> CurveChart:
    shares = curves[0].unit == "share"
    values = [value for curve in curves for value in curve.values if value is not None]
    epochs = list(learning.epochs)
    x = number_axis([min(epochs), max(epochs)], LEFT, WIDTH - RIGHT, "epoch", whole=True)
    y = (share_axis if shares else number_axis)(values, HEIGHT - BOTTOM, TOP)
    lines = [_line(curve, epochs, x, y, number) for number, curve in enumerate(curves)]
    chosen = learning.chosen if learning.chosen in epochs else None
    readings = [
        {"at": x(epoch), "epoch": epoch, "values": [_written(curve.values[row], shares) for curve in curves]}
        for row, epoch in enumerate(epochs)
    ]
    place = None if chosen is None else x(chosen)
    return CurveChart(_title(curves), x, y, lines, place, chosen, readings, _summary(curves, epochs, shares))


def _title(curves: Sequence[Curve]) -> str:
    """What the names speak of."""
    names = " ".join(curve.name for curve in curves).lower()
    for word, title in (("iou", "IoU"), ("accuracy", "Accuracy"), ("loss", "Loss")):
        if word in names:
            return title
    return "Scores" if curves[0].unit == "share" else "Other figures"


def _line(curve: Curve, epochs: Sequence[int], x: Axis, y: Axis, color: int) -> Line:
    dots = [(x(epoch), y(value)) for epoch, value in zip(epochs, curve.values, strict=True) if value is not None]
    path = "M" + "L".join(f"{across:g} {up:g}" for across, up in dots)
    return Line(curve.name, path, dots if len(dots) <= 40 else dots[-1:], color)


def _written(value: float | None, share: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f} %" if share else f"{value:.4g}"


def _summary(curves: Sequence[Curve], epochs: Sequence[int], shares: bool) -> str:
    """From where to where each curve goes."""
    said = []
    for curve in curves:
        known = [value for value in curve.values if value is not None]
        first, last, best = (_written(value, shares) for value in (known[0], known[-1], max(known)))
        said.append(f"{curve.name} from {first} to {last}" + (f", at best {best}" if shares else ""))
    return f"{len(epochs)} epochs: {'; '.join(said)}."
