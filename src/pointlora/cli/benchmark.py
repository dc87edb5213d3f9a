"""`pointlora benchmark`: measure this library against a plain implementation and against the machine's limits.

The measurements lie in `benchmarks/` at the root of the source tree; `python -m benchmarks` is the same command.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from pointlora.cli.arguments import Parser, positive_integer
from pointlora.errors import ConfigError

PACKAGE = "benchmarks"
DESCRIPTION = """\
Time and memory of every part, ours and a plain implementation in turns, on the same weights.

Both must first give the same logits within 1e-4, or nothing is timed. Ratios are plain / ours, so more is better. A
floor is what the machine's own measured bandwidth and matrix rates allow for the bytes and operations that a part can't
do without.

With --sweep, inference and training steps alone, over several batch sizes: times, clouds per second, memory.
"""


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code: 1 after a failed part or a failed check against stored ratios.

    Raises:
        ConfigError: for options that are wrong or don't go together.
    """
    options = make_parser().parse(arguments)
    if options.sweep is None and (options.sweep_budget is not None or options.sweep_compile):
        raise ConfigError(
            "--sweep-budget and --sweep-compile are for --sweep: say which batch sizes, as in --sweep 1,8"
        )
    if options.bf16 and not options.methods:
        raise ConfigError("--bf16 is for --methods: leave it out, the other parts measure both precisions")
    code: int = benchmark_module("command").run(options)
    return code


def make_parser() -> Parser:
    """The parser; it needs no torch."""
    parser = Parser("benchmark", DESCRIPTION)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="fewer repetitions, smaller batches: under two minutes if idle and with bfloat16",
    )
    parser.add_argument("--only", metavar="NAMES", help="only these parts, separated by commas (--list shows them)")
    parser.add_argument("--list", action="store_true", help="list the parts and exit")
    parser.add_argument(
        "--model",
        default="point_mae",
        choices=("point_mae", "point_mae_tiny"),
        help="the model whose sizes are measured",
    )
    parser.add_argument(
        "--batch-size", type=positive_integer, metavar="N", help="clouds per batch (8; tiny 32; quick 2; tiny 8)"
    )
    parser.add_argument("--repetitions", type=positive_integer, metavar="N", help="timed runs of each variant")
    parser.add_argument("--threads", type=positive_integer, default=2, metavar="N", help="torch threads (default 2)")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"), help="where to compute")
    parser.add_argument("--json", metavar="FILE", help="also write every measurement as JSON")
    parser.add_argument("--check", metavar="FILE", help="compare ratios with stored ones; exit code 1 if any is worse")
    parser.add_argument(
        "--tolerance", type=float, default=0.25, metavar="X", help="fraction that a ratio may lose (0.25)"
    )
    parser.add_argument("--save-ratios", metavar="FILE", help="store this run's ratios for --check")
    parser.add_argument(
        "--methods",
        metavar="NAMES",
        help="instead, what tuning methods cost beside full fine-tuning: names with commas, `default` or `all`",
    )
    parser.add_argument("--bf16", action="store_true", help="with --methods: in bfloat16 autocast")
    sweep = parser.add_argument_group("sweep over batch sizes")
    sweep.add_argument(
        "--sweep",
        type=batch_sizes,
        metavar="SIZES",
        help="clouds per batch, separated by commas, such as 1,8,32,128,512",
    )
    sweep.add_argument(
        "--sweep-budget",
        type=positive_seconds,
        metavar="SECONDS",
        help="skip what hasn't started by then (default 600; on a GPU 120)",
    )
    sweep.add_argument(
        "--sweep-compile", action="store_true", help="also training steps with torch.compile, a minute per size"
    )
    parser.add_argument(
        "--child", metavar="SPEC", help="measure one variant in this process (used by the command itself)"
    )
    return parser


def batch_sizes(text: str) -> list[int]:
    """An argparse type: integers of at least 1 with commas between them."""
    return [positive_integer(part.strip()) for part in text.split(",")]


def positive_seconds(text: str) -> float:
    """An argparse type: a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of seconds above 0")
    return value


def benchmark_module(name: str) -> ModuleType:
    """A module of the checkout's benchmarks.

    Raises:
        ConfigError: where the library was installed without them.
    """
    if PACKAGE not in sys.modules:
        folder = Path(__file__).resolve().parents[3] / PACKAGE
        spec = importlib.util.spec_from_file_location(
            PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if not (folder / "__init__.py").is_file() or spec is None or spec.loader is None:
            raise ConfigError(
                "the benchmarks are part of the source tree, not of the installed package: clone the repository, "
                "install it there with `pip install -e .`, and run this command again"
            )
        package = importlib.util.module_from_spec(spec)
        sys.modules[PACKAGE] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE}.{name}")
