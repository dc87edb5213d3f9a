"""The table and the pictures of a comparison of tuning methods over several seeds, and several numbers of labels."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pointlora.atomic import write_text_atomically
from pointlora.recipes.label_counts import ALL
from pointlora.reports.comparison_pictures import draw_pictures
from pointlora.reports.method_summary import (
    TITLES,
    MethodSummary,
    counted_by,
    headline_figures,
    summarize_methods,
    task_of,
)
from pointlora.reports.statistics import Interval, Spread
from pointlora.reports.tables import csv_text, markdown_table, text_table

# What a comparison without several numbers of labels, or without a GPU, leaves out is "labels" and "GPU memory, MiB".
HEADER = (
    "method",
    "labels",
    "accuracy, %",
    "class mean, %",
    "difference, points",
    "trained",
    "without head",
    "share",
    "without head",
    "adapter, MB",
    "memory, MiB",
    "GPU memory, MiB",
    "ms per step",
    "ms per cloud",
    "lr",
    "s per run",
)


def comparison_table(methods: Sequence[MethodSummary], reference: str, markdown: bool = False) -> str:
    """The table for people, with a caption that says how it was measured."""
    figures = (TITLES[name] for name in methods[0].names)
    renamed = {"accuracy, %": f"{next(figures)}, %", "class mean, %": f"{next(figures)}, %"}
    renamed["difference, points"] = f"difference, points to {reference}"
    left_out = set()
    if all(method.labels is None for method in methods):
        left_out.add("labels")
    if all(method.peak_device_memory_mib is None for method in methods):
        left_out.add("GPU memory, MiB")
    kept = [number for number, name in enumerate(HEADER) if name not in left_out]
    header = [renamed.get(HEADER[number], HEADER[number]) for number in kept]
    rows = [[cells[number] for number in kept] for cells in (_cells(method, reference) for method in methods)]
    table = (markdown_table if markdown else text_table)(header, rows)
    return f"{table}\n\n{caption(methods, reference)}"


def caption(methods: Sequence[MethodSummary], reference: str) -> str:
    """What the columns are."""
    runs = max(method.runs for method in methods)
    spreads = "mean ± sample standard deviation over the seeds, " if runs > 1 else ""
    interval = f", with its 95 % interval (Student's t, {runs - 1} degrees of freedom)" if runs > 1 else ""
    counted = any(method.labels is not None for method in methods)
    return (
        f"Test set, {runs} seed{'s' if runs > 1 else ''} a method: {spreads}best epoch and settings chosen on the "
        f"validation split. Difference: of the {TITLES[methods[0].names[0]]} to {reference}"
        f"{' with as many labels' * counted}, paired by seed{interval}. Share: of all parameters."
        f"{labels_caption(methods) * counted}"
    )


def labels_caption(methods: Sequence[MethodSummary]) -> str:
    """How labels are counted, and where there were fewer than asked for; begins with a space."""
    unit = counted_by(methods[0])
    said = [
        f" Labels: of each {unit}, to train on; the validation split has at most as many besides"
        f"{', and all that it has with all' if any(method.labels == ALL for method in methods) else ''}."
    ]
    for labels, found in dict.fromkeys((method.labels, method.labels_a_class) for method in methods):
        if found is not None and (labels == ALL or (isinstance(labels, int) and found < labels)):
            why = "" if labels == ALL else f", as not every {unit} has so many"
            said.append(f" Labels {labels}: {found:.1f} on average{why}.")
    return "".join(said)


def write_comparison(
    folder: str | os.PathLike[str],
    runs: Sequence[Mapping[str, Any]],
    searched: Sequence[Mapping[str, Any]],
    reference: str,
    title: str,
) -> list[MethodSummary]:
    """Write comparison.json, .csv, .md and, where matplotlib is installed, .png and for several numbers of labels
    comparison.labels.png.

    Args:
        folder: where to; it exists.
        runs: as for `summarize_methods`.
        searched: runs of the search, with `label`, `settings` and `selection_accuracy`.
        reference: as for `summarize_methods`.
        title: above the picture and the table.

    Raises:
        OSError: if a file can't be written.
    """
    folder, methods = Path(folder), summarize_methods(runs, reference)
    rows = [method.as_dict() for method in methods]
    figures = headline_figures(task_of(runs))
    named = ("label", "labels_per_class", f"selection_{figures[0]}")
    content = {
        "title": title,
        "task": task_of(runs),
        "reference": reference,
        "measured_on": "test set",
        "selected_on": "validation split",
        "methods": rows,
        "runs": [_picked(run, (*named, "seed", *figures, *_OF_A_RUN)) for run in runs],
        "search": [_picked(run, (*named, *_OF_A_SEARCH)) for run in searched],
    }
    cells = ([json.dumps(value) if isinstance(value, dict) else value for value in row.values()] for row in rows)
    write_text_atomically(folder / "comparison.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    write_text_atomically(folder / "comparison.csv", csv_text(list(rows[0]), cells))
    page = f"# {title}\n\n{comparison_table(methods, reference, markdown=True)}\n"
    write_text_atomically(folder / "comparison.md", page)
    draw_pictures(folder, methods, title)
    return methods


_OF_A_RUN = (
    "train_clouds",
    "selection_clouds",
    "best_epoch",
    "settings",
    "training_seconds",
    "seconds_per_cloud",
    "peak_memory_mib",
    "peak_device_memory_mib",
    "adapter_bytes",
)
_OF_A_SEARCH = ("settings", "best_epoch", "training_seconds")


def _picked(run: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: run.get(name) for name in names}


def _cells(method: MethodSummary, reference: str) -> list[str | None]:
    return [
        method.label,
        str(method.labels),
        _percent(method.figure),
        _percent(method.second),
        "reference" if method.label == reference else _points(method.difference),
        f"{method.trained:,}",
        f"{method.trained - method.head:,}",
        f"{100 * method.share:.2f} %",
        f"{100 * method.share_without_head:.2f} %",
        f"{method.adapter_bytes / 1e6:.2f}",
        _whole(method.peak_memory_mib),
        _whole(method.peak_device_memory_mib),
        _milliseconds(method.seconds_per_step),
        _milliseconds(method.seconds_per_cloud),
        f"{method.lr:g}",
        f"{method.seconds:,.0f}",
    ]


def _whole(value: float | None) -> str | None:
    return None if value is None else f"{value:,.0f}"


def _milliseconds(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return f"{1000 * seconds:.3g}" if seconds < 1 else f"{1000 * seconds:,.0f}"


def _percent(value: Spread) -> str:
    return f"{100 * value.mean:.2f}" + ("" if value.std is None else f" ± {100 * value.std:.2f}")


def _points(value: Interval) -> str:
    ends = "" if value.low is None or value.high is None else f" [{100 * value.low:+.2f}, {100 * value.high:+.2f}]"
    return f"{100 * value.mean:+.2f}{ends}"
