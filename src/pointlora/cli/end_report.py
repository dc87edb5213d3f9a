"""The report that commands write when they are done, unless `--no-report` is given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pointlora.reports.page.content import Report

NO_REPORT = {"no-report": "write no report.html at the end"}


def report_of_folder(folder: str, flags: Mapping[str, bool], accelerator: str = "auto") -> None:
    """Write the report of a finished run, comparison or few-shot evaluation into its folder."""
    if flags["no-report"]:
        return
    from pointlora.reporting.writing import REPORT_FILE, report_at_the_end

    path = Path(folder)

    def make() -> Report:
        from pointlora.reporting.options import ReportOptions
        from pointlora.reporting.runs import report_of

        return report_of(path, ReportOptions(accelerator=accelerator))

    report_at_the_end(make, path / REPORT_FILE)


def report_of_evaluation(
    adapter: Path,
    flags: Mapping[str, bool],
    words: Sequence[str],
    given: Mapping[str, Any],
    figures: Mapping[str, Any],
) -> None:
    """Write evaluation_<data>_<split>.html beside the adapter, or into its run's folder.

    Args:
        adapter: its folder.
        flags: of the command.
        words: of the command line.
        given: arguments of `evaluate_adapter`.
        figures: that were measured, and about them.
    """
    if flags["no-report"]:
        return
    from pointlora.reporting.writing import report_at_the_end

    def make() -> Report:
        from pointlora.reporting.evaluation import evaluation_report

        return evaluation_report(adapter, given, figures, words)

    folder = adapter.parent if (adapter.parent / "results.json").is_file() else adapter
    name = re.sub(r"[^\w.-]", "_", f"{figures['data']}_{figures['split']}")
    report_at_the_end(make, folder / f"evaluation_{name}.html")
