"""The table and the picture of a comparison of tuning methods over several seeds."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pointlora.atomic import write_text_atomically
from pointlora.reports.method_summary import MethodSummary, summarize_methods
from pointlora.reports.scatter import LabelledPoint, draw_tradeoff
from pointlora.reports.statistics import Interval, Spread
from pointlora.reports.tables import csv_text, markdown_table, text_table

HEADER = (
    "method",
    "accuracy, %",
    "class mean, %",
    "difference, points",
    "trained",
    "without head",
    "share",
    "without head",
    "adapter, MB",
    "memory, MiB",
    "ms per step",
    "lr",
    "s per run",
)


def comparison_table(methods: Sequence[MethodSummary], reference: str, markdown: bool = False) -> str:
    """The table for people, with a caption that says how it was measured."""
    device = any(method.peak_device_memory_mib is not None for method in methods)
    header = [f"{name} to {reference}" if name.startswith("difference") else name for name in HEADER]
    header = [name.replace("memory", "GPU memory") if device else name for name in header]
    table = (markdown_table if markdown else text_table)(
        header, [_cells(method, reference, device) for method in methods]
    )
    return f"{table}\n\n{caption(methods, reference)}"


def caption(methods: Sequence[MethodSummary], reference: str) -> str:
    """What the columns are."""
    runs = max(method.runs for method in methods)
    spreads = "mean ± sample standard deviation over the seeds, " if runs > 1 else ""
    interval = f", with its 95 % interval (Student's t, {runs - 1} degrees of freedom)" if runs > 1 else ""
    return (
        f"Test set, {runs} seed{'s' if runs > 1 else ''} a method: {spreads}best epoch and settings chosen on the "
        f"validation split. Difference: of the accuracy to {reference}, paired by seed{interval}. "
        "Share: of all parameters."
    )


def write_comparison(
    folder: str | os.PathLike[str],
    runs: Sequence[Mapping[str, Any]],
    searched: Sequence[Mapping[str, Any]],
    reference: str,
    title: str,
) -> list[MethodSummary]:
    """Write comparison.json, .csv, .md and, where matplotlib is installed, .png.

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
    content = {
        "title": title,
        "reference": reference,
        "measured_on": "test set",
        "selected_on": "validation split",
        "methods": rows,
        "runs": [_picked(run, _OF_A_RUN) for run in runs],
        "search": [_picked(run, _OF_A_SEARCH) for run in searched],
    }
    cells = ([json.dumps(value) if isinstance(value, dict) else value for value in row.values()] for row in rows)
    write_text_atomically(folder / "comparison.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    write_text_atomically(folder / "comparison.csv", csv_text(list(rows[0]), cells))
    page = f"# {title}\n\n{comparison_table(methods, reference, markdown=True)}\n"
    write_text_atomically(folder / "comparison.md", page)
    points = [LabelledPoint(m.label, m.trained, 100 * m.accuracy.mean, 100 * (m.accuracy.std or 0)) for m in methods]
    draw_tradeoff(points, folder / "comparison.png", title)
    return methods


_OF_A_RUN = (
    "label",
    "seed",
    "accuracy",
    "class_mean_accuracy",
    "selection_accuracy",
    "best_epoch",
    "settings",
    "training_seconds",
    "peak_memory_mib",
)
_OF_A_SEARCH = ("label", "settings", "selection_accuracy", "best_epoch", "training_seconds")


def _picked(run: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: run.get(name) for name in names}


def _cells(method: MethodSummary, reference: str, device: bool) -> list[str | None]:
    memory = method.peak_device_memory_mib if device else method.peak_memory_mib
    return [
        method.label,
        _percent(method.accuracy),
        _percent(method.class_mean_accuracy),
        "reference" if method.label == reference else _points(method.difference),
        f"{method.trained:,}",
        f"{method.trained - method.head:,}",
        f"{100 * method.share:.2f} %",
        f"{100 * method.share_without_head:.2f} %",
        f"{method.adapter_bytes / 1e6:.2f}",
        None if memory is None else f"{memory:,.0f}",
        f"{1000 * method.seconds_per_step:.3g}"
        if method.seconds_per_step < 1
        else f"{1000 * method.seconds_per_step:,.0f}",
        f"{method.lr:g}",
        f"{method.seconds:,.0f}",
    ]


def _percent(value: Spread) -> str:
    return f"{100 * value.mean:.2f}" + ("" if value.std is None else f" ± {100 * value.std:.2f}")


def _points(value: Interval) -> str:
    ends = "" if value.low is None or value.high is None else f" [{100 * value.low:+.2f}, {100 * value.high:+.2f}]"
    return f"{100 * value.mean:+.2f}{ends}"
