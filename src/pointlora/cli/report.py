"""`pointlora report`: a run as one HTML page."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from pointlora.cli.arguments import Parser, add_plugins, natural_number
from pointlora.errors import ConfigError
from pointlora.methods.plugins import load_plugins
from pointlora.reporting.options import DEFAULT_EXPLAINED, ReportOptions

DESCRIPTION = """\
Write what there is to see of a run as one HTML file, which needs no network and no server: figures with intervals,
learning curves, the confusion matrix, the clouds that surprise most in a viewer that turns, a map of the features, and
which clouds to label next. RUN is the folder of a fine-tuning run, of a comparison, or of few-shot folds.

The commands train, evaluate, fewshot, compare and predict write such a page at their end, unless --no-report is given.
"""


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    options = make_parser().parse(arguments)
    load_plugins(options.plugins)
    from pointlora.reporting.runs import report_of
    from pointlora.reporting.writing import INSTALL, REPORT_FILE, can_render, write_report

    if not can_render():
        raise ConfigError(INSTALL)
    folder = Path(options.run)
    path = folder / REPORT_FILE if options.output is None else Path(options.output)
    if path.is_dir():
        raise ConfigError(f"--output {path} is a folder: name a file, such as {path / REPORT_FILE}")
    report = report_of(folder, report_options(options))
    path.parent.mkdir(parents=True, exist_ok=True)
    print(f"report: {write_report(report, path)}")
    if options.open:
        _open(path)
    return 0


def report_options(options: Namespace) -> ReportOptions:
    """What is asked for.

    Raises:
        ConfigError: if `--unlabelled` is no folder.
    """
    unlabelled = None if options.unlabelled is None else Path(options.unlabelled)
    if unlabelled is not None and not unlabelled.is_dir():
        raise ConfigError(f"--unlabelled {unlabelled} is no folder")
    return ReportOptions(options.explain, unlabelled, options.paths, options.base, options.device)


def make_parser() -> Parser:
    """The parser; it needs no torch."""
    parser = Parser("report", DESCRIPTION)
    parser.add_argument("run", metavar="RUN", help="folder of a run, a comparison or few-shot folds")
    parser.add_argument("--output", metavar="FILE", help="the page (by default report.html in RUN)")
    parser.add_argument("--open", action="store_true", help="show it in the browser")
    parser.add_argument(
        "--explain",
        type=natural_number,
        default=DEFAULT_EXPLAINED,
        metavar="N",
        help=f"of the N most surprising clouds show which patches move the decision (default {DEFAULT_EXPLAINED})",
    )
    parser.add_argument(
        "--unlabelled", metavar="FOLDER", help="list the clouds of a folder whose labels would teach most"
    )
    parser.add_argument("--paths", action="store_true", help="let absolute paths stand in the page")
    parser.add_argument("--base", metavar="CKPT", help="weights of the backbone, if they have moved")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to compute")
    add_plugins(parser)
    return parser


def _open(path: Path) -> None:
    import webbrowser

    if not webbrowser.open(path.resolve().as_uri()):
        print(f"no browser was found: open {path} yourself")
