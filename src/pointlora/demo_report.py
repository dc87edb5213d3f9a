"""What the demonstration shows: a table, a picture, and a few files to try `pointlora predict` on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pointlora.reports.clouds import CloudPanel, draw_clouds
from pointlora.reports.tables import markdown_table, text_table

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
