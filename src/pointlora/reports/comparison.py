"""The table and the picture of a comparison of tuning methods over several seeds."""

from __future__ import annotations

import csv
import io
import json
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointlora.atomic import write_text_atomically
from pointlora.errors import ConfigError
from pointlora.reports.scatter import LabelledPoint, draw_tradeoff
from pointlora.reports.statistics import Interval, Spread, paired_difference, spread
from pointlora.reports.tables import markdown_table, text_table

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
    "ms a step",
    "lr",
    "s a run",
)


@dataclass(frozen=True)
class MethodSummary:
    """A method over its seeds; accuracies are in [0, 1], sizes in bytes or MiB, times in seconds.

    Attributes:
        label: its label.
        method: name of the preset that it is made from.
        runs: number of seeds.
        accuracy, class_mean_accuracy: over the seeds.
        difference: of the accuracy to that of the reference, seed by seed.
        trained, head, total: numbers of parameters, the head's among the trained.
        adapter_bytes: of the adapter folder.
        peak_memory_mib, peak_device_memory_mib: the highest of all seeds; None where unknown.
        seconds_per_step: median of the runs' medians, without validation.
        seconds: mean time of all epochs of a run.
        lr: highest learning rate.
        settings: what the search has chosen.
    """

    label: str
    method: str
    runs: int
    accuracy: Spread
    class_mean_accuracy: Spread
    difference: Interval
    trained: int
    head: int
    total: int
    adapter_bytes: int
    peak_memory_mib: float | None
    peak_device_memory_mib: float | None
    seconds_per_step: float
    seconds: float
    lr: float
    settings: Mapping[str, Any]

    @property
    def share(self) -> float:
        """Trained share of all parameters."""
        return self.trained / self.total

    @property
    def share_without_head(self) -> float:
        """The same without the head in either number."""
        return (self.trained - self.head) / (self.total - self.head)

    def as_dict(self) -> dict[str, Any]:
        """One level of plain values, for JSON and CSV."""
        return {
            "label": self.label,
            "method": self.method,
            "runs": self.runs,
            "accuracy_mean": self.accuracy.mean,
            "accuracy_std": self.accuracy.std,
            "class_mean_accuracy_mean": self.class_mean_accuracy.mean,
            "class_mean_accuracy_std": self.class_mean_accuracy.std,
            "difference_mean": self.difference.mean,
            "difference_low": self.difference.low,
            "difference_high": self.difference.high,
            "trained_parameters": self.trained,
            "trained_parameters_without_head": self.trained - self.head,
            "total_parameters": self.total,
            "share": self.share,
            "share_without_head": self.share_without_head,
            "adapter_bytes": self.adapter_bytes,
            "peak_memory_mib": self.peak_memory_mib,
            "peak_device_memory_mib": self.peak_device_memory_mib,
            "median_seconds_per_step": self.seconds_per_step,
            "training_seconds": self.seconds,
            "lr": self.lr,
            "settings": dict(self.settings),
        }


def summarize_methods(runs: Sequence[Mapping[str, Any]], reference: str) -> list[MethodSummary]:
    """A summary of each label, in the order in which the labels come.

    Args:
        runs: what results.json of each run holds, with its `label` and the `settings` that a search chose for it.
        reference: label from which differences are measured.

    Raises:
        ConfigError: if the reference is missing, or two methods have other seeds.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        groups.setdefault(run["label"], []).append(run)
    if reference not in groups:
        raise ConfigError(f"the reference {reference!r} has no runs; there are {', '.join(groups) or 'none'}")
    base = {run["seed"]: run["accuracy"] for run in groups[reference]}
    return [_summary(label, group, base) for label, group in groups.items()]


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
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow(json.dumps(value) if isinstance(value, dict) else value for value in row.values())
    write_text_atomically(folder / "comparison.json", json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    write_text_atomically(folder / "comparison.csv", text.getvalue())
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
    return {name: run[name] for name in names}


def _summary(label: str, group: Sequence[Mapping[str, Any]], base: Mapping[int, float]) -> MethodSummary:
    seeds = [run["seed"] for run in group]
    if sorted(seeds) != sorted(base):
        raise ConfigError(f"{label} has the seeds {seeds}, not {list(base)} as the reference has")
    accuracies = [run["accuracy"] for run in group]
    first = group[0]
    return MethodSummary(
        label=label,
        method=first["recipe"]["method"]["name"],
        runs=len(group),
        accuracy=spread(accuracies),
        class_mean_accuracy=spread([run["class_mean_accuracy"] for run in group]),
        difference=paired_difference(accuracies, [base[seed] for seed in seeds]),
        trained=first["trained_parameters"],
        head=first["head_parameters"],
        total=first["total_parameters"],
        adapter_bytes=max(run["adapter_bytes"] for run in group),
        peak_memory_mib=_highest(run.get("peak_memory_mib") for run in group),
        peak_device_memory_mib=_highest(run.get("peak_device_memory_mib") for run in group),
        seconds_per_step=statistics.median(run["median_seconds_per_step"] for run in group),
        seconds=statistics.fmean(run["training_seconds"] for run in group),
        lr=first["recipe"]["optimizer"]["lr"],
        settings=first.get("settings", {}),
    )


def _highest(values: Any) -> float | None:
    return max((value for value in values if value is not None), default=None)


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
