"""`pointlora demo`: from the backbone in the package to a picture of predictions, in a few minutes on a CPU."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from pointlora.cli.arguments import Parser

DESCRIPTION = """\
Adapt the small backbone that comes with the package to procedural scans with a few labels: with PointLoRA, with the
head alone and with full fine-tuning, for the same epochs, and draw some predictions. Takes up to four minutes on two
CPU cores and needs no download. The same seed gives the same figures on the same machine.
"""


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    options = make_parser().parse(arguments)
    from pointlora.demo import run_demo
    from pointlora.demo_report import demo_page, demo_table, show_predictions

    started = time.perf_counter()
    output = Path(options.output)
    results = run_demo(output, options.seed)
    print(demo_table(results))
    picture = show_predictions(output)
    print(f"picture: {picture}   ({time.perf_counter() - started:.0f} s in all)")
    print(f"try:     pointlora predict --adapter {output / 'pointlora' / 'adapter'} {output / 'scans'}")
    demo_page(output, results)
    return 0


def make_parser() -> Parser:
    """The parser; it needs no torch."""
    parser = Parser("demo", DESCRIPTION)
    parser.add_argument("--output", default="runs/demo", metavar="DIR", help="folder for everything (runs/demo)")
    parser.add_argument("--seed", type=_seed, default=0, help="seed of everything random (default 0)")
    return parser


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**32:
        raise ValueError
    return value
