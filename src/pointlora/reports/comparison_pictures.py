"""The pictures of a comparison: what methods cost, and how they learn with more labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pointlora.recipes.label_counts import ALL
from pointlora.reports.label_axis import count_places
from pointlora.reports.label_curves import LabelCurve, draw_label_curves
from pointlora.reports.method_summary import TITLES, MethodSummary, counted_by
from pointlora.reports.scatter import LabelledPoint, draw_tradeoff


def draw_pictures(folder: Path, methods: Sequence[MethodSummary], title: str) -> None:
    """comparison.png, of the largest number of labels, and comparison.labels.png where there are several.

    Raises:
        ConfigError: if matplotlib isn't installed.
    """
    most = methods[-1].labels
    figure = TITLES[methods[0].names[0]]
    points = [
        LabelledPoint(m.label, m.trained, 100 * m.figure.mean, 100 * (m.figure.std or 0))
        for m in methods
        if m.labels == most
    ]
    with_labels = "" if most is None else f", labels: {most}"
    draw_tradeoff(points, folder / "comparison.png", f"{title}{with_labels}", figure)
    places = label_places(methods)
    if len(set(places.values())) < 2:
        return
    curves = []
    for label in dict.fromkeys(method.label for method in methods):
        own = sorted((m for m in methods if m.label == label), key=lambda m: places[m.labels or ALL])
        x = [places[m.labels or ALL] for m in own]
        y, error = [100 * m.figure.mean for m in own], [100 * (m.figure.std or 0) for m in own]
        curves.append(LabelCurve(label, x, y, error))
    runs = max(method.runs for method in methods)
    note = f"bands: ± a standard deviation over {runs} seeds" if runs > 1 else ""
    draw_label_curves(curves, places, folder / "comparison.labels.png", title, figure, counted_by(methods[0]), note)


def label_places(methods: Sequence[MethodSummary]) -> dict[int | str, float]:
    """Number of labels -> where it lies on an axis; empty where there is only one."""
    return count_places((method.labels, method.labels_a_class) for method in methods if method.labels is not None)
