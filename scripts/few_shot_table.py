"""Few-shot folds of several methods in four settings, side by side.

    python scripts/few_shot_table.py --ldraw ldraw_classify.npz --output runs/table_few_shot --jobs 2

A row a method: mean and sample standard deviation over ten folds, in %, and the mean difference to pointlora-plus,
paired by fold, with its 95 % interval. Every cell is a `pointlora fewshot` of its own, in a folder of its own, so a
killed table goes on where it was. Nothing is chosen on the queries: pointlora-plus chooses its epoch by folds within
the support, the other methods take their last.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from pointlora.reports.fewshot import percentages
from pointlora.reports.statistics import paired_difference
from pointlora.reports.tables import markdown_table

SETTINGS = ((5, 10), (5, 20), (10, 10), (10, 20))
REFERENCE = "pointlora-plus"
STEPS = ["--training.steps", "200", "--training.batch_size", "10", "--optimizer.warmup_epochs", "1"]
PLUS = ["--training.protocol", "k_fold", "--training.epochs", "8", "--training.patience", "2", "--training.ema", "0.98"]
METHODS = {
    "probe": ["--method", "{name: probe}"],
    REFERENCE: ["--method", "{name: pointlora-plus}", "--optimizer.lr", "3e-4", *STEPS[2:], *PLUS],
    "head_only": ["--method", "{name: head_only}", "--optimizer.lr", "3e-3", *STEPS],
    "lora": ["--method", "{name: lora}", "--optimizer.lr", "3e-3", *STEPS],
    "pointlora": ["--method", "{name: pointlora, prompt_dim: 16}", "--optimizer.lr", "1e-3", *STEPS],
    "full": ["--method", "{name: full}", "--optimizer.lr", "3e-4", *STEPS],
}


class Cell(NamedTuple):
    """A method in a setting, and where its folds are."""

    method: str
    ways: int
    shots: int
    output: Path


def run(cell: Cell, ldraw: str, weights: str) -> list[float]:
    """The accuracies of the folds, in [0, 1]; what is finished already isn't run again.

    Raises:
        SystemExit: if the command fails; its log says why.
    """
    figures = cell.output / "fewshot.json"
    if not figures.exists():
        cell.output.parent.mkdir(parents=True, exist_ok=True)
        log = cell.output.with_suffix(".log")
        command = [sys.executable, "-m", "pointlora", "fewshot", "fewshot_tiny", "--data.root", ldraw]
        command += ["--model.checkpoint", weights, "--ways", str(cell.ways), "--shots", str(cell.shots)]
        command += [*METHODS[cell.method], "--output", str(cell.output)]
        with log.open("a", encoding="utf-8") as file:
            ended = subprocess.run(command, stdout=file, stderr=file, env=os.environ | {"OMP_NUM_THREADS": "1"})
        if ended.returncode:
            raise SystemExit(
                f"{cell.method}, {cell.ways} ways, {cell.shots} shots: exit code {ended.returncode}, see {log}"
            )
    accuracies = [fold["accuracy"] for fold in json.loads(figures.read_text(encoding="utf-8"))["folds"]]
    print(
        f"{cell.method}, {cell.ways} ways, {cell.shots} shots: {percentages(accuracies)}", file=sys.stderr, flush=True
    )
    return accuracies


def table(results: dict[Cell, list[float]], methods: list[str]) -> str:
    """All cells as markdown; without differences where the reference isn't among the methods."""
    found = {(cell.method, (cell.ways, cell.shots)): accuracies for cell, accuracies in results.items()}
    rows: list[list[object]] = []
    for method in methods:
        texts = []
        for setting in SETTINGS:
            own = found[(method, setting)]
            reference = found.get((REFERENCE, setting))
            difference = "" if reference is None or method == REFERENCE else f"; {_difference(own, reference)}"
            texts.append(percentages(own).removesuffix(" %") + difference)
        rows.append([method, *texts])
    return markdown_table(["method", *(f"{ways}-way {shots}-shot" for ways, shots in SETTINGS)], rows)


def _difference(values: list[float], reference: list[float]) -> str:
    mean, low, high = (100 * value + 0.0 for value in paired_difference(values, reference)[:3])
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def main(arguments: Any) -> None:
    """Run what isn't finished, and print the table."""
    cells = [
        Cell(method, ways, shots, Path(arguments.output) / f"{method}_{ways}_{shots}")
        for method, (ways, shots) in product(arguments.methods, SETTINGS)
    ]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        accuracies = list(pool.map(lambda cell: run(cell, arguments.ldraw, arguments.weights), cells))
    print(table(dict(zip(cells, accuracies, strict=True)), arguments.methods))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ldraw", required=True, help="an .npz data set")
    parser.add_argument(
        "--weights", default="pretrained", help="of point_mae_tiny: the newest, point_mae_tiny@1, or a file"
    )
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["probe", REFERENCE, "head_only"])
    parser.add_argument("--output", default="runs/table_few_shot")
    parser.add_argument("--jobs", type=int, default=1, help="cells at a time, each with one thread")
    main(parser.parse_args())
