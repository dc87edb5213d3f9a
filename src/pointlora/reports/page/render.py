"""The page: one HTML file that holds everything it needs, from what `pointlora.reports.page.content` describes."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from pointlora.errors import ConfigError
from pointlora.reports.page import formats
from pointlora.reports.page.charts.calibration import calibration_chart, verdict
from pointlora.reports.page.charts.comparison import cost_charts, run_chart
from pointlora.reports.page.charts.confusion import confusion_view
from pointlora.reports.page.charts.embedding import map_chart
from pointlora.reports.page.charts.labels import label_chart
from pointlora.reports.page.charts.learning import learning_charts
from pointlora.reports.page.content import Report
from pointlora.reports.page.payload import payload

_PACKAGE = "pointlora.reports.page"
STYLES = ("base", "head", "charts", "tables", "clouds", "print")
# In an order in which each imports only from those before it.
SCRIPTS = (
    "data",
    "colors",
    "paint",
    "camera",
    "canvas2d",
    "webgl",
    "viewer",
    "thumbnails",
    "store",
    "details",
    "explanation",
    "gallery",
    "matrix",
    "tables",
    "charts",
    "map",
    "copying",
    "main",
)
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:function|const) (\w+))", re.MULTILINE)


def render(report: Report) -> str:
    """The page's HTML text, to be written as UTF-8; it asks for nothing beyond itself.

    Raises:
        ConfigError: if jinja2 isn't installed.
    """
    chart = map_chart(report.embedding, report.names) if report.embedding is not None else None
    text: str = (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            head=report.head,
            learning=learning_charts(report.learning) if report.learning else [],
            confusion=confusion_view(report.confusion) if report.confusion else None,
            calibration=calibration_chart(report.calibration) if report.calibration else None,
            verdict=verdict(report.calibration) if report.calibration else "",
            map=chart,
            costs=cost_charts(report.comparison) if report.comparison else [],
            runs=run_chart(report.comparison) if report.comparison else None,
            labels=label_chart(report.comparison) if report.comparison else None,
            data=payload(report, chart),
            styles=styles(),
            scripts=scripts(),
            three=_asset("three.min.js") if report.clouds or report.label_next else "",
            three_version=three_version(),
        )
    )
    # Half of a surrogate pair, which a file name on Linux may hold, can't be written as UTF-8.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def styles() -> str:
    """All style sheets as one text."""
    return "\n".join(_asset(f"{name}.css") for name in STYLES)


def scripts() -> str:
    """All modules in one script: each in a function of its own that returns what it exports, imports taken from those
    before it."""
    return "const modules = {};\n" + "\n".join(_module(name) for name in SCRIPTS)


def _module(name: str) -> str:
    code = _asset(f"{name}.js")
    exported = ", ".join(_EXPORT.findall(code))
    code = _EXPORT.sub("", _IMPORT.sub(r"const \1 = modules.\2;", code))
    return f"modules.{name} = (() => {{\n{code}return {{ {exported} }};\n}})();"


def three_version() -> str:
    """Of the three.js that comes with the package; `scripts/bundle_three.py` writes it at the head of the file."""
    found = re.search(r"three\.js (\S+),", _asset("three.min.js")[:200])
    assert found is not None
    return found[1]


@cache
def _asset(name: str) -> str:
    return (files(_PACKAGE) / "assets" / name).read_text(encoding="utf-8")


@cache
def _environment() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise ConfigError("reports need jinja2: in a clone of the repository, pip install '.[viz]'") from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("percent", "points", "count", "short_count", "megabytes", "mebibytes", "duration", "short_duration"):
        environment.filters[name] = getattr(formats, name)
    return environment
