"""The page of a comparison, and of few-shot folds, from what comparison.json and fewshot.json hold."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pointlora.recipes.protocols import describe_selection
from pointlora.reporting.head import data_name, warning_of
from pointlora.reporting.showing import printable
from pointlora.reports.bootstrap import Ends
from pointlora.reports.page.content import Comparison, ComparisonRow, Fact, Figure, Head, Report
from pointlora.reports.statistics import student_quantile
from pointlora.version import __version__


def comparison_report(content: Mapping[str, Any], recipe: Mapping[str, Any], command: str) -> Report:
    """The page of a comparison of methods.

    Args:
        content: of comparison.json.
        recipe: of comparison.yaml.
        command: that repeats it.
    """
    methods, runs = content["methods"], content["runs"]
    labels = _share_of_labels(recipe)
    seeds = [run["seed"] for run in runs if run["label"] == content["reference"]]
    rows = [_method_row(method, runs, seeds, content["reference"], labels) for method in methods]
    device = any(method.get("peak_device_memory_mib") is not None for method in methods)
    data = recipe.get("data", {})
    several = len(seeds) > 1
    interval = (
        f"Intervals are 95 % of Student's t over {len(seeds)} seeds; differences are paired by seed. "
        if several
        else ""
    )
    head = Head(
        title=content["title"],
        task="classification",
        data=f"{printable(data_name(data.get('name', ''), data.get('root')))}, {content['measured_on']}",
        backbone=recipe.get("model", {}).get("name", ""),
        protocol=describe_selection(content["selected_on"]),
        warning=warning_of(content["selected_on"]),
        command=command,
        memory_of="GPU" if device else "process",
        more=[
            Fact("methods", f"{len(methods)}"),
            Fact("seeds", ", ".join(map(str, seeds))),
            Fact("reference", str(content["reference"])),
        ],
    )
    comparison = Comparison(
        figure="overall accuracy",
        runs=[f"seed {seed}" for seed in seeds],
        rows=rows,
        reference=content["reference"],
        columns=("class mean accuracy", "learning rate"),
        caption=f"Test set. {interval}Best epoch and settings were chosen on the validation split.",
    )
    return Report("compare", head, comparison=comparison, made_with=f"pointlora {__version__}")


def _method_row(
    method: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
    reference: str,
    labels: float | None,
) -> ComparisonRow:
    own = {run["seed"]: run["accuracy"] for run in runs if run["label"] == method["label"]}
    values = [own[seed] for seed in seeds]
    mean, std = method["accuracy_mean"], method["accuracy_std"]
    low, high = mean_ends(mean, std, len(values))
    is_reference = method["label"] == reference
    device = method.get("peak_device_memory_mib")
    spread = "" if method["class_mean_accuracy_std"] is None else f" ± {100 * method['class_mean_accuracy_std']:.2f}"
    return ComparisonRow(
        name=method["label"],
        values=values,
        mean=mean,
        std=std,
        low=low,
        high=high,
        difference=None if is_reference else method["difference_mean"],
        difference_low=None if is_reference else method["difference_low"],
        difference_high=None if is_reference else method["difference_high"],
        trained_parameters=method["trained_parameters"],
        adapter_bytes=method["adapter_bytes"],
        seconds=method["training_seconds"],
        memory_mib=method.get("peak_memory_mib") if device is None else device,
        labels=labels,
        cells=(f"{100 * method['class_mean_accuracy_mean']:.2f}{spread} %", f"{method['lr']:g}"),
    )


def fewshot_report(content: Mapping[str, Any], command: str) -> Report:
    """The page of few-shot folds, from what fewshot.json holds."""
    recipe, folds = content["recipe"], content["folds"]
    values = [fold["accuracy"] for fold in folds]
    mean, std = content["accuracy_mean"], content["accuracy_std"]
    low, high = mean_ends(mean, std, len(values))
    data = printable(data_name(recipe["data"]["name"], recipe["data"].get("root")))
    setting = f"{content['ways']}-way {content['shots']}-shot"
    row = ComparisonRow(
        name=setting,
        values=values,
        mean=mean,
        std=std,
        low=low,
        high=high,
        trained_parameters=folds[0]["trained_parameters"],
    )
    spread = "" if std is None else f" ± {100 * std:.1f}"
    head = Head(
        title=f"{recipe['method']['name']} on {data}, {setting}",
        task="classification",
        data=data,
        method=recipe["method"]["name"],
        backbone=recipe["model"]["name"],
        protocol=describe_selection(content["selected_on"]),
        warning=warning_of(content["selected_on"]),
        figures=[Figure(f"overall accuracy, mean of {len(folds)} folds", "accuracy_mean", mean, low, high)],
        trained_parameters=folds[0]["trained_parameters"],
        command=command,
        more=[
            Fact("as the papers write it", f"{100 * mean:.1f}{spread} %"),
            Fact("folds", str(len(folds))),
            Fact("queries", ", ".join(sorted({f"{fold['count']:,}" for fold in folds})) + " a fold"),
        ],
    )
    comparison = Comparison(
        figure="overall accuracy",
        runs=[f"fold {fold['fold']}" for fold in folds],
        rows=[row],
        caption="Mean ± sample standard deviation over the folds; the interval is 95 % of Student's t.",
    )
    return Report("fewshot", head, comparison=comparison, made_with=f"pointlora {__version__}")


def mean_ends(mean: float, std: float | None, count: int) -> Ends:
    """The 95 % interval of a mean of shares by Student's t, within [0, 1]; None for a single value."""
    if std is None or count < 2:
        return Ends(None, None)
    half = student_quantile(0.95, count - 1) * std / math.sqrt(count)
    return Ends(max(mean - half, 0.0), min(mean + half, 1.0))


def _share_of_labels(recipe: Mapping[str, Any]) -> float | None:
    share = recipe.get("data", {}).get("label_fraction")
    return float(share) if isinstance(share, (int, float)) else None
