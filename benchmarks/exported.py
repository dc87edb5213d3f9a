"""Size, time and accuracy of a trained model in torch and as exported files, as a Markdown table.

    python -m benchmarks.exported RUN [threads] [largest batch]

RUN is the folder of a run whose data are at hand. Variants take turns; a time is the least of all rounds, because
whatever else runs on the machine only adds to it. Accuracy is of the clouds on which the run chose its epoch, or of the
test set where the run trained on all others in the end.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pointlora.errors import ConfigError
from pointlora.export.quantization import Measure
from pointlora.export.samples import Sample, random_inputs
from pointlora.export.session import SessionModel
from pointlora.export.writing import Exporter, Quantizing
from pointlora.training.run_data import RunData, evenly_spread, open_run_data

ROUNDS = {1: 30, 0: 4}  # of one cloud at a time, and of more
CALIBRATION = 32  # training clouds from which the static int8 file takes its ranges


@dataclass
class Variant:
    """One way to compute the model: its name, its size in bytes, itself, and how often it is right, from 0 to 1."""

    name: str
    size: int
    model: nn.Module
    accuracy: float
    context: Callable[[], AbstractContextManager[Any]] = nullcontext


def variants(exporter: Exporter, data: RunData, folder: Path, threads: int) -> list[Variant]:
    """The five of the table; files are written into the folder."""
    network = exporter.network(False)
    weights = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    found = []
    for name, context in (("float32", nullcontext), ("bfloat16", lambda: torch.autocast("cpu", torch.bfloat16))):
        with context():
            accuracy = data.measure(exporter.model)
        found.append(Variant(f"torch {name}", weights, exporter.model, accuracy, context))
    plain = exporter.to_onnx(folder / "float32.onnx")
    measure = Measure(data.metric, data.held_out_name, data.measure)
    samples = [Sample(*each) for each in evenly_spread(data.splits.train, CALIBRATION)]
    made = {"float32": (plain, 0.0)}
    for name, calibration in (("dynamic", ()), ("static", samples)):
        quantizing = Quantizing(measure, calibration, force=True)
        smaller = exporter.to_onnx(folder / f"{name}.onnx", quantization=quantizing)
        cost = smaller.description.quantization
        assert cost is not None
        made |= {"float32": (plain, cost.before), f"int8 {name}": (smaller, cost.after)}
    for name, (export, accuracy) in made.items():
        session = SessionModel(export.path.read_bytes(), network.names, threads)
        found.append(Variant(f"onnxruntime {name}", export.path.stat().st_size, session, accuracy))
    return found


def least_times(found: list[Variant], points: Tensor) -> list[float]:
    """Milliseconds of each variant for a batch."""
    best = [float("inf")] * len(found)
    for _ in range(ROUNDS[1] if len(points) == 1 else ROUNDS[0]):
        for place, variant in enumerate(found):
            with torch.no_grad(), variant.context():
                begin = time.perf_counter()
                variant.model(points)
                best[place] = min(best[place], 1000 * (time.perf_counter() - begin))
    return best


def table(run: str, threads: int = 2, largest: int = 32) -> list[str]:
    """The lines of the table.

    Raises:
        ConfigError: for a folder that holds no run, or one of part segmentation.
    """
    torch.set_num_threads(threads)
    data = open_run_data(run)
    if data is None or data.recipe.task != "classification":
        raise ConfigError(f"{run} must be the folder of a run of classification")
    exporter = Exporter(Path(run) / "adapter")
    with tempfile.TemporaryDirectory() as folder:
        found = variants(exporter, data, Path(folder), threads)
    network = exporter.network(False)
    batches = [random_inputs(network, batch, exporter.transform.num_points, 0)[0] for batch in (1, largest)]
    times = [least_times(found, points) for points in batches]
    lines = [
        f"| {exporter.config['base_model']['name']} | MB | 1 cloud, ms | {largest} clouds, ms | accuracy |",
        "| --- | --: | --: | --: | --: |",
    ]
    for variant, one, many in zip(found, *times, strict=True):
        size, right = variant.size / 1e6, 100 * variant.accuracy
        lines.append(f"| {variant.name} | {size:.1f} | {one:.1f} | {many:.0f} | {right:.2f} % |")
    return lines


if __name__ == "__main__":
    print("\n".join(table(sys.argv[1], *map(int, sys.argv[2:4]))))
