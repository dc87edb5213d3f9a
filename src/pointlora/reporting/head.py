"""The head, the curves and the tables of a page, from what results.json holds; no cloud is looked at."""

from __future__ import annotations

import csv
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pointlora.recipes.protocols import PROTOCOLS, describe_protocol
from pointlora.reporting.showing import printable
from pointlora.reports.bootstrap import Ends, classifier_intervals
from pointlora.reports.page.content import (
    ClassRow,
    ClassTable,
    Confusion,
    Curve,
    Fact,
    Figure,
    Head,
    Learning,
    Task,
)

FIGURES = {
    "classification": {"accuracy": "overall accuracy", "class_mean_accuracy": "class mean accuracy"},
    "part_segmentation": {
        "instance_miou": "instance mIoU",
        "class_miou": "class mIoU",
        "accuracy": "points labelled rightly",
    },
}
_KINDS = ("folder", "npz", "shards")
WARNING = (
    "The best epoch was chosen on the test set itself, as the papers do: the figure is better than what new clouds "
    "will show."
)


def head_of_run(results: Mapping[str, Any], command: str, intervals: Mapping[str, Ends] | None = None) -> Head:
    """The head of a training run.

    Args:
        results: the content of results.json.
        command: that repeats it.
        intervals: of the figures, by their names in results.json.
    """
    recipe = results["recipe"]
    task: Task = recipe.get("task", "classification")
    method, data = recipe["method"]["name"], recipe["data"]
    what = printable(data_name(data["name"], data.get("root")))
    device = results.get("peak_device_memory_mib")
    more = [
        Fact("measured on", f"{results['count']:,} clouds of the {results['measured_on']}"),
        Fact("epochs", f"{results['epochs']:,}"),
        Fact("seed", str(results["seed"])),
        Fact("points per cloud", f"{data['num_points']:,}"),
    ]
    return Head(
        title=f"{method} on {what}",
        task=task,
        data=f"{what}, {results['measured_on']}",
        method=method,
        backbone=recipe["model"]["name"],
        protocol=describe_protocol(results),
        warning=warning_of(results["selected_on"]),
        figures=figures_of(results, task, intervals),
        probe=_probe(results),
        trained_parameters=results["trained_parameters"],
        total_parameters=results["total_parameters"],
        adapter_bytes=results.get("adapter_bytes"),
        seconds=results.get("seconds"),
        memory_mib=results.get("peak_memory_mib") if device is None else device,
        memory_of="process" if device is None else "GPU",
        command=command,
        more=more,
    )


def data_name(name: str, root: str | None) -> str:
    """What a data set is called: its name, or that of its folder or file where the name only says which kind it is."""
    return (Path(root).name if root is not None and name in _KINDS else "") or name


def warning_of(selected_on: str | None) -> str:
    """A sentence where the test set chose."""
    return WARNING if selected_on == PROTOCOLS["paper"] else ""


def figures_of(results: Mapping[str, Any], task: str, intervals: Mapping[str, Ends] | None = None) -> list[Figure]:
    """The task's figures, the headline first; a classifier's intervals follow from its confusion matrix."""
    known: Mapping[str, Ends] = intervals or {}
    if task == "classification":
        overall, mean, _ = classifier_intervals(np.array(results["confusion_matrix"], dtype=np.int64))
        known = {"accuracy": overall, "class_mean_accuracy": mean}
    nothing = Ends(None, None)
    return [Figure(name, key, results[key], *known.get(key, nothing)) for key, name in FIGURES[task].items()]


def _probe(results: Mapping[str, Any]) -> Figure | None:
    """What the head, fitted to the frozen backbone, reached before tuning."""
    start = results.get("start")
    if start is None:
        return None
    if results.get("best_epoch") == 0:
        return Figure(
            "by the fitted head, which was kept: tuning wasn't clearly better; selection split", "start", start
        )
    return Figure("by the fitted head that tuning began from, selection split", "start", start)


def learning_of(metrics: Path, results: Mapping[str, Any]) -> Learning | None:
    """The curves that metrics.csv holds; None where it is missing, empty or damaged."""
    try:
        rows = list(csv.DictReader(metrics.read_text(encoding="utf-8").splitlines()))
        epochs = [int(row["epoch"]) for row in rows]
        curves = [
            Curve(name, unit, [_number(row.get(key)) for row in rows])
            for key, name, unit in _curves(list(rows[0]) if rows else [])
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Learning(epochs, curves, results.get("best_epoch")) if epochs and curves else None


def _number(text: str | None) -> float | None:
    """What a cell of metrics.csv holds; None for nothing, and for the loss of a run that has diverged."""
    value = float(text) if text else math.nan
    return value if math.isfinite(value) else None


def _curves(columns: Sequence[str]) -> list[tuple[str, str, Any]]:
    """Columns of metrics.csv that are drawn: key, name for people, unit."""
    names = FIGURES["part_segmentation" if any("miou" in key for key in columns) else "classification"]
    found: list[tuple[str, str, Any]] = [
        (key, f"training {key.removeprefix('train_').replace('_', ' ')}", "number")
        for key in columns
        if key.startswith("train_") and key != "train_seconds"
    ]
    for key in columns:
        if key.startswith("selection_"):
            name = key.removeprefix("selection_")
            found.append((key, f"{names.get(name, name.replace('_', ' '))}, selection split", "share"))
    return found


def confusion_of(figures: Mapping[str, Any]) -> Confusion:
    """The confusion matrix that results.json holds."""
    return Confusion(tuple(figures["class_names"]), np.array(figures["confusion_matrix"], dtype=np.int64))


def class_table(figures: Mapping[str, Any]) -> ClassTable:
    """A row a class, with what it is most often taken for."""
    names, matrix = figures["class_names"], np.array(figures["confusion_matrix"], dtype=np.int64)
    intervals = classifier_intervals(matrix)[2]
    rows = []
    for index, (name, counts) in enumerate(zip(names, matrix, strict=True)):
        others = counts.copy()
        others[index] = 0
        taken_for = names[int(others.argmax())] if others.any() else ""
        value = figures["per_class"][name]
        rows.append(ClassRow(name, value, "", int(counts.sum()), *intervals[index], taken_for, index))
    return ClassTable("accuracy", rows)


def read_results(path: Path) -> dict[str, Any]:
    """The object that a file of results holds.

    Raises:
        OSError, ValueError: if it can't be read.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no object")
    return content


def command_line(command: str, *words: str) -> str:
    """A shell command."""
    return shlex.join(["pointlora", command, *words])
