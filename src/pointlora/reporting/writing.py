"""Writing a report, and writing one at the end of a run, which nothing that goes wrong with it may spoil."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from pointlora.atomic import write_text_atomically
from pointlora.errors import ConfigError
from pointlora.reports.page.content import Report

REPORT_FILE = "report.html"
INSTALL = "a report needs the package jinja2: in a clone of the repository, pip install '.[viz]'"


def write_report(report: Report, path: Path) -> Path:
    """Write a page as one file.

    Raises:
        ConfigError: without jinja2.
        OSError: if it can't be written.
    """
    if not can_render():
        raise ConfigError(INSTALL)
    from pointlora.reports.page.render import render

    return write_text_atomically(path, render(report))


def can_render() -> bool:
    """Whether what a page needs is installed."""
    return importlib.util.find_spec("jinja2") is not None


def report_at_the_end(make: Callable[[], Report], path: Path) -> Path | None:
    """Write the report of a run that is finished, and say on stderr where it is, or in one line why there is none.

    Args:
        make: collects it.
        path: where to.

    Returns:
        the path; None where none was written.
    """
    if not can_render():
        print(f"no report: {INSTALL}", file=sys.stderr, flush=True)
        return None
    try:
        write_report(make(), path)
    except Exception as error:  # whatever it is, the run is finished and its files are written
        why = " ".join(str(error).split()) or type(error).__name__
        print(f"no report: {why} (`pointlora report` makes one later)", file=sys.stderr, flush=True)
        return None
    print(f"report: {path}", file=sys.stderr, flush=True)
    return path
