"""The page of an evaluation: an adapter on any data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pointlora.adapters.folder_config import CONFIG_FILE, WEIGHTS_FILE
from pointlora.recipes.protocols import describe_selection
from pointlora.reporting.classification import classifier_sections
from pointlora.reporting.head import class_table, command_line, confusion_of, data_name, figures_of, warning_of
from pointlora.reporting.options import ReportOptions
from pointlora.reporting.parts import part_sections
from pointlora.reporting.showing import printable, without_folders
from pointlora.reporting.subject import Subject
from pointlora.reports.page.content import Fact, Head, Report
from pointlora.training.classification.evaluation import voted
from pointlora.training.evaluate_adapter import Measured, open_measured
from pointlora.version import __version__


def evaluation_report(
    adapter: Path, given: Mapping[str, Any], figures: Mapping[str, Any], words: Sequence[str]
) -> Report:
    """The page of what `evaluate_adapter` measured.

    Args:
        adapter: its folder.
        given: arguments of `evaluate_adapter`.
        figures: that it returned, and about them.
        words: of the command line.
    """
    labels = {key: given[key] for key in ("label_name", "label_column")}
    wanted = ("base", "data_name", "root", "options", "cache", "split", "num_points", "accelerator")
    opened = open_measured(adapter, labels=labels, **{key: given[key] for key in wanted})
    options = ReportOptions()
    known = opened.config.get("data") or {}
    root = given["root"] or (known.get("root") if given["data_name"] is None else None)
    batch_size, workers = given["batch_size"], given["workers"]
    subject = Subject(opened.model, opened.dataset, None, opened.transform, options, root, batch_size, workers)
    task = opened.config["base_model"]["task"]
    made = f"pointlora {__version__}"
    command = printable(without_folders(command_line("evaluate", *words)))
    head = _head(adapter, opened, figures, printable(data_name(figures["data"], root)), command)
    if task == "part_segmentation":
        dataset: Any = opened.dataset
        sections = part_sections(subject, dataset.space, figures)
        intervals = sections.pop("intervals", None)
        head = replace(head, figures=figures_of(figures, task, intervals))
        names = {"names": dataset.space.categories, "part_names": dataset.space.part_names}
        return Report("evaluate", head, up_axis=opened.transform.up_axis, made_with=made, **names, **sections)
    voters = {"batch_size": batch_size, "votes": given["votes"], "seed": given["seed"], "workers": workers}
    chances = None
    if given["votes"] > 1:
        chances = voted(opened.model, opened.dataset, opened.transform, **voters).numpy() / given["votes"]
    return Report(
        "evaluate",
        replace(head, figures=figures_of(figures, task)),
        names=tuple(figures["class_names"]),
        up_axis=opened.transform.up_axis,
        confusion=confusion_of(figures),
        table=class_table(figures),
        made_with=made,
        **classifier_sections(subject, figures, chances),
    )


def _head(adapter: Path, opened: Measured, figures: Mapping[str, Any], data: str, command: str) -> Head:
    config = opened.config
    method, selected = config["method"]["name"], figures["selected_on"]
    votes = [Fact("votes", str(figures["votes"]))] if figures["votes"] > 1 else []
    return Head(
        title=f"{method} on {data}",
        task=config["base_model"]["task"],
        data=f"{data}, {figures['split']} split",
        method=method,
        backbone=config["base_model"]["name"],
        protocol=describe_selection(selected) if selected else "",
        warning=warning_of(selected),
        adapter_bytes=sum((adapter / name).stat().st_size for name in (CONFIG_FILE, WEIGHTS_FILE)),
        command=command,
        more=[
            Fact("measured on", f"{figures['count']:,} clouds"),
            Fact("points per cloud", f"{figures['num_points']:,}"),
            *votes,
        ],
    )
