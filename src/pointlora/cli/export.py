"""`pointlora export`: a trained adapter as a file for other programs."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pointlora.cli.arguments import Parser, add_plugins, positive_integer
from pointlora.errors import ConfigError, DataError
from pointlora.methods.plugins import load_plugins

if TYPE_CHECKING:
    from pointlora.export.writing import Export, Quantizing
    from pointlora.training.run_data import RunData

DESCRIPTION = """\
Write a trained adapter, on its backbone, as one file that needs neither this library nor, as ONNX, torch.

Low-rank branches are merged into their layers. Farthest point sampling, the search for neighbours and the grouping are
inside, as standard operators of ONNX opset 18; there may be any number of clouds and of points. Inputs are `points`
(B, N, 3 + F), for part segmentation `queries` (B, M, 3 + F) too, and `category` (B,) where the adapter knows any; the
output is `logits`. With --preprocess centring, scaling and the choice of points are inside as well.

Before the file is written, its logits are compared with torch's, on random clouds and on clouds of the run's data where
they are at hand. If they differ by more than 1e-4 there is no file, and the exit code is 2.

--quantize int8 needs the run's data: its figure is measured before and after, and a loss above 0.5 points is an error.
"""
# Clouds of the run's data on which a file is tried.
_TRIED = 4


def run(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    options = make_parser().parse(arguments)
    load_plugins(options.plugins)
    if options.quantize is None and (options.calibration is not None or options.force):
        raise ConfigError("--calibration and --force are for --quantize int8")
    if options.quantize is not None and options.format != "onnx":
        raise ConfigError(f"--quantize {options.quantize} is for --format onnx")
    output = Path(options.output)
    if not output.parent.is_dir():
        raise ConfigError(f"{output.parent}, the folder for {output.name}, does not exist: make it, or choose another")
    if output.is_dir():
        raise ConfigError(f"{output} is a folder: name a file in it, such as {output / 'model.onnx'}")
    from pointlora.export.samples import Sample
    from pointlora.export.writing import Exporter
    from pointlora.training.run_data import evenly_spread

    inside = Path(options.run) / "adapter"
    exporter = Exporter(inside if inside.is_dir() else Path(options.run), options.base, options.preprocess)
    data = _open_data(options)
    samples = [] if data is None else [Sample(*each) for each in evenly_spread(data.held_out, _TRIED)]
    if options.format == "onnx":
        made = exporter.to_onnx(output, samples, None if data is None else _quantizing(options, data))
    else:
        made = exporter.to_torch(output, samples)
    print(summary(made, len(samples), "" if data is None else data.held_out_note))
    return 0


def summary(made: Export, samples: int, held_out: str = "") -> str:
    """What is told of a file: its size, its inputs, how near it is to torch, and on which clouds int8 was measured."""
    about = made.description
    inputs = ", ".join(about.inputs)
    of_data = f" and {samples} of the run's data" if samples else "; the run's data aren't at hand"
    lines = [
        f"{made.path}: {made.path.stat().st_size / 1e6:.1f} MB, {about.model} with {about.method}; inputs {inputs}",
        f"largest difference from torch's logits as float32: {made.difference:.1e}, on random clouds{of_data}",
    ]
    if made.undecided:
        lines.append(
            f"left out there: {made.undecided} clouds of which rounding decides what is selected, or which patches are "
            "neighbours; programs may take different ones"
        )
    if about.quantization is not None:
        cost = about.quantization
        lines.append(
            f"int8 ({cost.calibration}): {cost.metric} {100 * cost.before:.2f} % before, {100 * cost.after:.2f} % "
            f"after, on the {cost.measured_on} ({held_out})"
        )
    return "\n".join(lines)


def _open_data(options: Namespace) -> RunData | None:
    """The run's data; None where they aren't needed and can't be read."""
    from pointlora.training.run_data import open_run_data

    try:
        data = open_run_data(options.run)
    except DataError:
        if options.quantize is not None:
            raise
        return None
    if data is None and options.quantize is not None:
        raise ConfigError(
            f"--quantize needs the run's data to measure what it costs, but {options.run} has no config.yaml: give the "
            "folder of the run, not that of its adapter"
        )
    return data


def _quantizing(options: Namespace, data: RunData) -> Quantizing | None:
    if options.quantize is None:
        return None
    from pointlora.export.quantization import Measure
    from pointlora.export.samples import Sample
    from pointlora.export.writing import Quantizing
    from pointlora.training.run_data import evenly_spread

    calibration = evenly_spread(data.splits.train, options.calibration or 0)
    measure = Measure(data.metric, data.held_out_name, data.measure, data.held_out_note)
    return Quantizing(measure, [Sample(*each) for each in calibration], options.force)


def make_parser() -> Parser:
    """The parser; it needs no torch."""
    parser = Parser("export", DESCRIPTION)
    parser.add_argument("run", metavar="RUN", help="folder of a run, or of an adapter")
    parser.add_argument("--output", required=True, metavar="FILE", help="the file to write, such as model.onnx")
    parser.add_argument("--format", default="onnx", choices=("onnx", "torch"), help="onnx, or torch.export's .pt2")
    parser.add_argument(
        "--base", metavar="CKPT", help="weights of the backbone (by default the file that the adapter names)"
    )
    parser.add_argument(
        "--preprocess", action="store_true", help="take raw clouds: centring, scaling and choice of points inside"
    )
    parser.add_argument("--quantize", choices=("int8",), help="weights and products in 8-bit integers")
    parser.add_argument(
        "--calibration",
        type=positive_integer,
        metavar="N",
        help="fix the ranges of activations with N training clouds (by default each call finds its own)",
    )
    parser.add_argument("--force", action="store_true", help="write the int8 file whatever it costs")
    add_plugins(parser)
    return parser
