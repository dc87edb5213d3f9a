"""What a comparison says about each tuning method, over its seeds, and about each number of labels."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pointlora.errors import ConfigError
from pointlora.recipes.runs import CRITERIA
from pointlora.reports.statistics import Interval, Spread, paired_difference, share_interval, spread

Runs = Sequence[Mapping[str, Any]]

# How figures are called in the table.
TITLES = {
    "accuracy": "accuracy",
    "class_mean_accuracy": "class mean",
    "instance_miou": "instance mIoU",
    "class_miou": "class mIoU",
}


@dataclass(frozen=True)
class MethodSummary:
    """A method over its seeds; figures are in [0, 1], sizes in bytes or MiB, times in seconds.

    Attributes:
        label: its label.
        labels: of each class that it was trained on: a number, `all`, or None where the comparison has one number only.
        method: name of the preset that it is made from.
        runs: number of seeds.
        names: of the two figures: accuracy and class_mean_accuracy, or those of the task.
        figure, second: these, over the seeds.
        difference: of the first to that of the reference with as many labels, seed by seed.
        train_clouds, train_classes, selection_clouds: that the runs trained on, the classes among them, and that chose
            the epoch, means over the seeds; None where unknown.
        trained, head, total: numbers of parameters, the head's among the trained.
        adapter_bytes: of the adapter folder.
        peak_memory_mib, peak_device_memory_mib: the highest of all seeds; None where unknown.
        seconds_per_step: median of the runs' medians, without validation.
        seconds_per_cloud: median over the runs of the finished model's time for a cloud; None where unknown.
        seconds: mean time of a run's training.
        lr: highest learning rate.
        settings: what the search has chosen.
    """

    label: str
    labels: int | str | None
    method: str
    runs: int
    names: Sequence[str]
    figure: Spread
    second: Spread
    difference: Interval
    train_clouds: float | None
    train_classes: float | None
    selection_clouds: float | None
    trained: int
    head: int
    total: int
    adapter_bytes: int
    peak_memory_mib: float | None
    peak_device_memory_mib: float | None
    seconds_per_step: float
    seconds_per_cloud: float | None
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

    @property
    def labels_a_class(self) -> float | None:
        """Mean over the classes of the labels that it was trained on; None where unknown."""
        if not self.train_clouds or not self.train_classes:
            return float(self.labels) if isinstance(self.labels, int) else None
        return self.train_clouds / self.train_classes

    def as_dict(self) -> dict[str, Any]:
        """One level of plain values, for JSON and CSV."""
        first, second = self.names
        low, high = share_interval(*self.figure, self.runs)
        return {
            "label": self.label,
            "labels_per_class": self.labels,
            "method": self.method,
            "runs": self.runs,
            f"{first}_mean": self.figure.mean,
            f"{first}_std": self.figure.std,
            f"{first}_low": low,
            f"{first}_high": high,
            f"{second}_mean": self.second.mean,
            f"{second}_std": self.second.std,
            "difference_mean": self.difference.mean,
            "difference_low": self.difference.low,
            "difference_high": self.difference.high,
            "labels_a_class": self.labels_a_class,
            "train_clouds": self.train_clouds,
            "selection_clouds": self.selection_clouds,
            "trained_parameters": self.trained,
            "trained_parameters_without_head": self.trained - self.head,
            "total_parameters": self.total,
            "share": self.share,
            "share_without_head": self.share_without_head,
            "adapter_bytes": self.adapter_bytes,
            "peak_memory_mib": self.peak_memory_mib,
            "peak_device_memory_mib": self.peak_device_memory_mib,
            "median_seconds_per_step": self.seconds_per_step,
            "seconds_per_cloud": self.seconds_per_cloud,
            "training_seconds": self.seconds,
            "lr": self.lr,
            "settings": dict(self.settings),
        }


def summarize_methods(runs: Runs, reference: str) -> list[MethodSummary]:
    """A summary of each method, in the order in which their labels come; with several numbers of labels, all methods
    with the first number, then all with the next.

    Args:
        runs: what results.json of each run holds, with its `label`, its `labels_per_class` if there are several, and
            the `settings` that a search chose for it.
        reference: label from which differences are measured.

    Raises:
        ConfigError: if the reference is missing, or two methods have other seeds.
    """
    groups: dict[int | str | None, dict[str, list[Mapping[str, Any]]]] = {}
    for run in runs:
        groups.setdefault(run.get("labels_per_class"), {}).setdefault(run["label"], []).append(run)
    if not groups or any(reference not in methods for methods in groups.values()):
        known = dict.fromkeys(run["label"] for run in runs)
        raise ConfigError(f"the reference {reference!r} has no runs; there are {', '.join(known) or 'none'}")
    return [
        _summary(label, labels, group, methods[reference])
        for labels, methods in groups.items()
        for label, group in methods.items()
    ]


def task_of(runs: Runs) -> str:
    """The task that runs are of."""
    return str(runs[0]["recipe"].get("task", "classification"))


def headline_figures(task: str) -> tuple[str, str]:
    """The two figures of a task that a comparison shows, the first being the one that differences are of."""
    first, second = CRITERIA[task][:2]
    return first, second


def counted_by(method: MethodSummary) -> str:
    """What labels are counted by: classes, or categories of clouds whose parts are labelled."""
    return "category" if method.names[0] == "instance_miou" else "class"


def _summary(label: str, labels: int | str | None, group: Runs, base: Runs) -> MethodSummary:
    names = headline_figures(task_of(group))
    beside = {run["seed"]: run[names[0]] for run in base}
    seeds = [run["seed"] for run in group]
    if sorted(seeds) != sorted(beside):
        raise ConfigError(f"{label} has seeds {seeds}; the reference has {list(beside)}")
    figures = [run[names[0]] for run in group]
    first = group[0]
    return MethodSummary(
        label=label,
        labels=labels,
        method=first["recipe"]["method"]["name"],
        runs=len(group),
        names=names,
        figure=spread(figures),
        second=spread([run[names[1]] for run in group]),
        difference=paired_difference(figures, [beside[seed] for seed in seeds]),
        train_clouds=_mean(run.get("train_clouds") for run in group),
        train_classes=_mean(run.get("train_classes") for run in group),
        selection_clouds=_mean(run.get("selection_clouds") for run in group),
        trained=first["trained_parameters"],
        head=first["head_parameters"],
        total=first["total_parameters"],
        adapter_bytes=max(run["adapter_bytes"] for run in group),
        peak_memory_mib=_highest(run.get("peak_memory_mib") for run in group),
        peak_device_memory_mib=_highest(run.get("peak_device_memory_mib") for run in group),
        seconds_per_step=statistics.median(run["median_seconds_per_step"] for run in group),
        seconds_per_cloud=_median(run.get("seconds_per_cloud") for run in group),
        seconds=statistics.fmean(run["training_seconds"] for run in group),
        lr=first["recipe"]["optimizer"]["lr"],
        settings=first.get("settings", {}),
    )


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _highest(values: Iterable[float | None]) -> float | None:
    return max(_known(values), default=None)


def _mean(values: Iterable[float | None]) -> float | None:
    """Over all of them; None if one is unknown."""
    found = list(values)
    known = _known(found)
    return statistics.fmean(known) if len(known) == len(found) else None


def _median(values: Iterable[float | None]) -> float | None:
    known = _known(values)
    return statistics.median(known) if known else None
