"""The page of a comparison, and of few-shot folds, from what comparison.json and fewshot.json hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pointlora.recipes.protocols import describe_selection
from pointlora.reporting.head import FIGURES, data_name, warning_of
from pointlora.reporting.showing import printable
from pointlora.reports.bootstrap import Ends
from pointlora.reports.page.content import Comparison, ComparisonRow, Fact, Figure, Head, Report, Task
from pointlora.reports.statistics import share_interval
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
    seeds = list(dict.fromkeys(run["seed"] for run in runs if run["label"] == content["reference"]))
    counts = list(dict.fromkeys(method.get("labels_per_class") for method in methods))
    task: Task = content.get("task", "classification")
    counted_by = "category" if task == "part_segmentation" else "class"
    figures = FIGURES[task]
    rows = [_method_row(method, runs, seeds, content["reference"], labels, list(figures)) for method in methods]
    device = any(method.get("peak_device_memory_mib") is not None for method in methods)
    data = recipe.get("data", {})
    several = len(seeds) > 1
    counted = (
        f"Labels are those of each {counted_by} to train on; the validation split has at most as many besides, with "
        "all of them all that it has. Differences are between methods with as many labels. "
    ) * (counts != [None])
    interval = (
        f"Intervals are 95 % of Student's t over {len(seeds)} seeds; differences are paired by seed. "
        if several
        else ""
    )
    head = Head(
        title=content["title"],
        task=task,
        data=f"{printable(data_name(data.get('name', ''), data.get('root')))}, {content['measured_on']}",
        backbone=recipe.get("model", {}).get("name", ""),
        protocol=describe_selection(content["selected_on"]),
        warning=warning_of(content["selected_on"]),
        command=command,
        memory_of="GPU" if device else "process",
        more=[
            Fact("methods", f"{len({method['label'] for method in methods})}"),
            *([Fact(f"labels a {counted_by}", ", ".join(map(str, counts)))] if counts != [None] else []),
            Fact("seeds", ", ".join(map(str, seeds))),
            Fact("reference", str(content["reference"])),
        ],
    )
    comparison = Comparison(
        figure=next(iter(figures.values())),
        runs=[f"seed {seed}" for seed in seeds],
        rows=rows,
        reference=content["reference"],
        columns=(list(figures.values())[1], "learning rate"),
        counted_by=counted_by,
        caption=f"Test set. {counted}{interval}Best epoch and settings were chosen on the validation split.",
    )
    return Report("compare", head, comparison=comparison, made_with=f"pointlora {__version__}")


def _method_row(
    method: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
    reference: str,
    labels: float | None,
    figures: Sequence[str],
) -> ComparisonRow:
    first, second, *_ = figures
    named = (method["label"], method.get("labels_per_class"))
    own = {run["seed"]: run[first] for run in runs if (run["label"], run.get("labels_per_class")) == named}
    values = [own[seed] for seed in seeds]
    mean, std = method[f"{first}_mean"], method[f"{first}_std"]
    low, high = mean_ends(mean, std, len(values))
    is_reference = method["label"] == reference
    device = method.get("peak_device_memory_mib")
    spread = "" if method[f"{second}_std"] is None else f" ± {100 * method[f'{second}_std']:.2f}"
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
        labels_per_class=method.get("labels_per_class"),
        labels_a_class=method.get("labels_a_class"),
        seconds_per_cloud=method.get("seconds_per_cloud"),
        cells=(f"{100 * method[f'{second}_mean']:.2f}{spread} %", f"{method['lr']:g}"),
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
    return Ends(*share_interval(mean, std, count))


def _share_of_labels(recipe: Mapping[str, Any]) -> float | None:
    share = recipe.get("data", {}).get("label_fraction")
    return float(share) if isinstance(share, (int, float)) else None
