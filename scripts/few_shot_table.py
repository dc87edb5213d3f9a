"""Few-shot folds of several methods in four settings, side by side.

    python scripts/few_shot_table.py --ldraw ldraw_classify.npz --output runs/table_few_shot --jobs 2

A row a method: mean and sample standard deviation over ten folds, in %, and the mean difference to pointlora-plus,
paired by fold, with its 95 % interval. Every cell is a `pointlora fewshot` of its own, in a folder of its own, so a
killed table goes on where it was. Nothing is chosen on the queries: pointlora-plus chooses its epoch by folds within
the support, the other methods take their last.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from pointlora.allocator import keep_large_blocks
from pointlora.comparison.fewshot import run_folds
from pointlora.errors import PointLoraError
from pointlora.parent import end_with_parent
from pointlora.recipes.fewshot import FewShotRecipe
from pointlora.recipes.files import find_recipe, from_mapping, read_mapping
from pointlora.reports.fewshot import percentages
from pointlora.reports.statistics import paired_difference
from pointlora.reports.tables import markdown_table

Setting = tuple[int, int]
SETTINGS: tuple[Setting, ...] = ((5, 10), (5, 20), (10, 10), (10, 20))
REFERENCE = "pointlora-plus"
BATCH = {"batch_size": 10}
STEPS = {**BATCH, "steps": 200}
FOLDS = {**BATCH, "protocol": "k_fold", "epochs": 8, "patience": 2, "ema": 0.98}
METHODS: dict[str, dict[str, dict[str, Any]]] = {
    "probe": {"method": {"name": "probe"}},
    REFERENCE: {"method": {"name": REFERENCE}, "optimizer": {"lr": 3e-4}, "training": FOLDS},
    "head_only": {"method": {"name": "head_only"}, "optimizer": {"lr": 3e-3}, "training": STEPS},
    "head_only_600": {"method": {"name": "head_only"}, "optimizer": {"lr": 3e-3}, "training": {**BATCH, "steps": 600}},
    "lora": {"method": {"name": "lora"}, "optimizer": {"lr": 3e-3}, "training": STEPS},
    "pointlora": {"method": {"name": "pointlora", "prompt_dim": 16}, "optimizer": {"lr": 1e-3}, "training": STEPS},
    "full": {"method": {"name": "full"}, "optimizer": {"lr": 3e-4}, "training": STEPS},
}


class Cell(NamedTuple):
    """A method in a setting."""

    method: str
    setting: Setting

    @property
    def name(self) -> str:
        return f"{self.method}, {self.setting[0]} ways, {self.setting[1]} shots"


def cell_recipe(cell: Cell, ldraw: str, weights: str, output: Path) -> FewShotRecipe:
    """`fewshot_tiny` with what is the method's own."""
    mapping = read_mapping(find_recipe("fewshot_tiny"))
    (ways, shots), own = cell.setting, METHODS[cell.method]
    mapping |= {"ways": ways, "shots": shots, "method": own["method"]}
    mapping |= {"output": str(output / f"{cell.method}_{ways}_{shots}")}
    mapping["model"] |= {"checkpoint": weights}
    mapping["data"] |= {"root": ldraw}
    mapping["optimizer"] |= {"warmup_epochs": 1, **own.get("optimizer", {})}
    mapping["training"] |= own.get("training", {})
    return from_mapping(FewShotRecipe, mapping)


def start_worker() -> None:
    """One thread each, and no life beyond that of the table."""
    keep_large_blocks()
    import torch

    end_with_parent()
    torch.set_num_threads(1)


def run(recipe: FewShotRecipe) -> list[float]:
    """The accuracies of the folds, in [0, 1]; folds that are finished aren't run again. Output goes to a log."""
    log = f"{recipe.output}.log"
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    return [fold["accuracy"] for fold in run_folds(recipe)["folds"]]


def run_all(recipes: dict[Cell, FewShotRecipe], jobs: int) -> dict[Cell, list[float]]:
    """The accuracies of all cells, in [0, 1]. The first that fails ends the table, once the running ones have ended.

    Raises:
        PointLoraError: what a cell raises; its message begins with the cell's name.
    """
    results: dict[Cell, list[float]] = {}
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=start_worker)
    try:
        begun = {pool.submit(run, recipe): cell for cell, recipe in recipes.items()}
        for ended in as_completed(begun):
            cell = begun[ended]
            try:
                results[cell] = ended.result()
            except PointLoraError as error:
                raise PointLoraError(f"{cell.name}: {error}") from error
            print(f"{cell.name}: {percentages(results[cell])}", file=sys.stderr, flush=True)
    finally:
        pool.shutdown(cancel_futures=True)
    return results


def table(results: dict[Cell, list[float]], methods: list[str]) -> str:
    """All cells as markdown; without differences where the reference isn't among the methods."""
    rows: list[list[object]] = []
    for method in methods:
        texts = []
        for setting in SETTINGS:
            own, reference = results[Cell(method, setting)], results.get(Cell(REFERENCE, setting))
            difference = "" if reference is None or method == REFERENCE else f"; {_difference(own, reference)}"
            texts.append(percentages(own).removesuffix(" %") + difference)
        rows.append([method, *texts])
    return markdown_table(["method", *(f"{ways}-way {shots}-shot" for ways, shots in SETTINGS)], rows)


def _difference(values: list[float], reference: list[float]) -> str:
    mean, low, high = paired_difference([100 * value for value in values], [100 * value for value in reference])
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def main(arguments: argparse.Namespace) -> int:
    """Run what isn't finished, and print the table; returns the exit code."""
    methods, output = list(dict.fromkeys(arguments.methods)), Path(arguments.output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        cells = [Cell(method, setting) for method, setting in product(methods, SETTINGS)]
        recipes = {cell: cell_recipe(cell, arguments.ldraw, arguments.weights, output) for cell in cells}
        print(table(run_all(recipes, arguments.jobs), methods))
    except (PointLoraError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ldraw", required=True, help="an .npz data set")
    parser.add_argument("--weights", default="point_mae_tiny@2", help="of point_mae_tiny: a version, or a file")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["probe", REFERENCE, "head_only"])
    parser.add_argument("--output", default="runs/table_few_shot")
    parser.add_argument("--jobs", type=int, default=1, help="cells at a time, each with one thread")
    sys.exit(main(parser.parse_args()))
