"""What the demonstration shows: a table, a picture, and a few files to try `pointlora predict` on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pointlora.reports.bootstrap import classifier_intervals
from pointlora.reports.clouds import CloudPanel, draw_clouds
from pointlora.reports.page.content import Comparison, ComparisonRow, Report
from pointlora.reports.tables import markdown_table, text_table

# What a comparison of runs on the same clouds says of its intervals.
CAPTION = (
    "One seed; intervals are 95 % of the bootstrap over the test scans. Best epoch chosen on the validation split."
)
HEADER = ("method", "test accuracy", "trained parameters", "share", "adapter", "seconds")


def demo_table(results: Mapping[str, Mapping[str, Any]], markdown: bool = False) -> str:
    """One row per method, from what `run_demo` returns."""
    rows = []
    for method, figures in results.items():
        trained, total = figures["trained_parameters"], figures["total_parameters"]
        rows.append(
            (
                method,
                f"{100 * figures['accuracy']:.1f} %",
                f"{trained:,}",
                f"{100 * trained / total:.1f} %",
                f"{figures['adapter_bytes'] / 1e6:.2f} MB",
                f"{figures['seconds']:.0f}",
            )
        )
    return (markdown_table if markdown else text_table)(HEADER, rows)


def demo_page(output: Path, results: Mapping[str, Mapping[str, Any]]) -> Path | None:
    """Write report.html: the run of PointLoRA, and all methods side by side; where that fails, say so in a line."""
    from pointlora.reporting.writing import REPORT_FILE, report_at_the_end

    def make() -> Report:
        from pointlora.reporting.options import ReportOptions
        from pointlora.reporting.runs import report_of

        return replace(report_of(output / "pointlora", ReportOptions()), comparison=side_by_side(results))

    return report_at_the_end(make, output / REPORT_FILE)


def side_by_side(results: Mapping[str, Mapping[str, Any]]) -> Comparison:
    """The methods as a page compares them, from what `run_demo` returns."""
    rows = []
    for method, figures in results.items():
        low, high = classifier_intervals(np.array(figures["confusion_matrix"]))[0]
        accuracy = figures["accuracy"]
        costs = {key: figures[key] for key in ("trained_parameters", "adapter_bytes", "seconds")}
        rows.append(ComparisonRow(method, [accuracy], accuracy, low=low, high=high, **costs))
    return Comparison("overall accuracy", ["seed"], rows, caption=CAPTION)


def show_predictions(output: Path, count: int = 8) -> Path:
    """Draw the first test scan of the first `count` classes, with tokens that PointLoRA selected and its answer.

    The scans are also written as `scans/<class>.ply`.

    Returns:
        the picture, `predictions.png` in `output`.

    Raises:
        ConfigError: if matplotlib isn't installed.
    """
    from pointlora.data import open_dataset
    from pointlora.data.files import write_ply
    from pointlora.prediction import Predictor

    dataset = open_dataset("npz", output / "scans.npz", "test")
    chosen = [int(np.flatnonzero(dataset.labels == label)[0]) for label in range(len(dataset.class_names))]
    clouds = [dataset.cloud(index) for index in chosen]
    (output / "scans").mkdir(exist_ok=True)
    for name, cloud in zip(dataset.class_names, clouds, strict=True):
        write_ply(output / "scans" / f"{name}.ply", cloud)
    predictor = Predictor(output / "pointlora" / "adapter", device="cpu")
    selection: Any = predictor.model.method
    points = predictor.prepare(clouds[:count])
    result = predictor.run(points)
    panels = []
    for row, truth in enumerate(dataset.class_names[:count]):
        best = int(result.probabilities[row].argmax())
        answer, share = predictor.class_names[best], float(result.probabilities[row, best])
        selected = [centers[row] for centers in result.selected]
        wrong = "" if answer == truth else f"  (truth: {truth})"
        panels.append(CloudPanel(points[row], f"{answer}  {share:.2f}{wrong}", answer == truth, selected))
    names = [
        f"selected: the best {scale.keep} of {scale.num_groups} patches of {scale.group_size} points"
        for scale in selection.selection
    ]
    title = "Scans that the model has not seen: its answer, its probability, and the tokens that it selected"
    return draw_clouds(panels, output / "predictions.png", columns=4, up_axis="z", scale_names=names, title=title)
