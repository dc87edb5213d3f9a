"""What a comparison says about each tuning method, over its seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pointlora.errors import ConfigError
from pointlora.reports.statistics import Interval, Spread, paired_difference, spread


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


def _summary(label: str, group: Sequence[Mapping[str, Any]], base: Mapping[int, float]) -> MethodSummary:
    seeds = [run["seed"] for run in group]
    if sorted(seeds) != sorted(base):
        raise ConfigError(f"{label} has seeds {seeds}; the reference has {list(base)}")
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
