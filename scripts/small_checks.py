"""What features, class weights and `resample` do for accuracy, on small procedural sets.

    python scripts/small_checks.py classes    # 40 clouds of one class, 3 of the other: class-mean accuracy
    python scripts/small_checks.py colours    # classes (or parts) that only colours tell apart, and colours by chance
    python scripts/small_checks.py density    # trained at 1024 points, measured at 1024 and at 256

Each prints a row a setting: mean and sample standard deviation over the seeds, and the figure of each seed. A seed
chooses the shapes as well as the run. Made for one slow processor, or with --jobs for several; nothing is downloaded.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pointlora.data.files import write_ply
from pointlora.parent import end_with_parent
from pointlora.procedural import generate_shape, scan
from pointlora.recipes.files import from_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.evaluate_adapter import evaluate_adapter
from pointlora.training.fit import fine_tune

SHADES = np.array([[40, 60, 200], [200, 60, 40]])
TEST_SEED = 1_000_000
Clouds = tuple[list[NDArray[np.float32]], list[int]]
Settings = dict[str, dict[str, Any]]


class Run(NamedTuple):
    """One training: the data set, the folder of the run, and how it is trained.

    Attributes:
        thin: a second data set that the adapter is measured on; its accuracy becomes the figure `thin`.
    """

    root: Path
    out: Path
    seed: int
    method: str
    epochs: int
    settings: Settings
    thin: Path | None = None


class Row(NamedTuple):
    """A line of the table: its name, its runs, the figure it shows, and the name of the row it is compared with."""

    name: str
    runs: list[Run]
    figure: str
    beside: str | None = None


def draw(categories: Sequence[str], counts: Sequence[int], seed: int, points: int = 256, seen: bool = False) -> Clouds:
    """So many clouds of each category, whole shapes or scans of them (`seen`), and their labels."""
    build = scan if seen else generate_shape
    chosen = [(label, number) for label, count in enumerate(counts) for number in range(count)]
    clouds = [build(categories[label], 1000 * seed + number, num_points=points).points for label, number in chosen]
    return clouds, [label for label, _ in chosen]


def write(path: Path, train: Clouds, test: Clouds, colors: Callable[[int], NDArray[Any]] | None = None) -> None:
    """An .npz data set; `colors` gives those (N, 3) of a cloud from its label, from 0 to 255."""
    labels = np.array(train[1] + test[1])
    more = {} if colors is None else {"colors": np.stack([colors(int(label)) for label in labels]) / 255}
    is_test = np.arange(len(labels)) >= len(train[1])
    classes = np.array([f"class {number}" for number in range(labels.max() + 1)])
    np.savez(path, points=np.stack(train[0] + test[0]), labels=labels, is_test=is_test, classes=classes, **more)


def run(each: Run, weights: str) -> dict[str, Any]:
    """The results of one run on these weights of the backbone, quietly."""
    torch.set_num_threads(1)
    root, out, seed, method, epochs, settings, thin = each
    parts = root.is_dir()
    recipe: dict[str, Any] = {
        "task": "part_segmentation" if parts else "classification",
        "model": {"name": "point_mae_tiny", "checkpoint": weights, "num_groups": 16, "group_size": 16},
        "method": {"name": method},
        "data": {"name": "folder" if parts else "npz", "root": str(root), "num_points": 256, "up_axis": "z"},
        "optimizer": {"lr": 1e-3, "warmup_epochs": 0},
        "training": {"epochs": epochs, "batch_size": 16, "seed": seed, "workers": 0, "tensorboard": False},
        "output": str(out),
    }
    recipe["data"] |= {"cache": "off", "oversample": 1.0, "validation_fraction": 0.3}
    recipe["training"] |= {"accelerator": "cpu", "precision": "32"}
    for name, values in settings.items():
        recipe[name] |= values
    with contextlib.redirect_stderr(io.StringIO()):
        results = fine_tune(from_mapping(TrainRecipe, recipe))
        if thin is not None:
            measured, *_ = evaluate_adapter(out / "adapter", data_name="npz", root=str(thin), cache="off")
            results["thin"] = measured.accuracy
    return results


def table(rows: Sequence[Row], weights: str, jobs: int) -> None:
    """Train everything, and print the rows in order; a run that several rows show is trained once."""
    done: dict[Path, Future[dict[str, Any]]] = {}
    shown: dict[str, list[float]] = {}
    pool = ProcessPoolExecutor(jobs, initializer=end_with_parent)
    try:
        for each in (each for one in rows for each in one.runs):
            if each.out not in done:
                done[each.out] = pool.submit(run, each, weights)
        for one in rows:
            shown[one.name] = [done[each.out].result()[one.figure] for each in one.runs]
            line(one.name, shown[one.name], None if one.beside is None else shown[one.beside])
    finally:
        pool.shutdown(cancel_futures=True)


def line(name: str, figures: Sequence[float], beside: Sequence[float] | None = None) -> None:
    """A line of a table; figures in [0, 1], `beside` those of the setting to compare with."""
    values = 100 * np.array(figures)
    text = f"{name:<44} {values.mean():5.1f} ± {values.std(ddof=1) if len(values) > 1 else 0:4.1f}"
    if beside is not None:
        text += f"  {(values - 100 * np.array(beside)).mean():+5.1f}"
    print(f"{text}   [{', '.join(f'{value:.1f}' for value in values)}]", flush=True)


def classes(seeds: int, folder: Path, methods: Sequence[str]) -> list[Row]:
    """40 vases and 3 bottles, seen from one side; 40 test clouds each."""
    ways: dict[str, Settings] = {
        "natural": {},
        "training.class_weights balanced": {"training": {"class_weights": "balanced"}},
        "data.sampling balanced": {"data": {"sampling": "balanced"}},
        "both": {"training": {"class_weights": "balanced"}, "data": {"sampling": "balanced"}},
    }
    pair = ("vase", "bottle")
    for seed in range(seeds):
        test = draw(pair, (40, 40), TEST_SEED + seed, seen=True)
        write(folder / f"{seed}.npz", draw(pair, (40, 3), seed, seen=True), test)
    rows = []
    for method in methods:
        for name, settings in ways.items():
            # The last epoch: of 3 clouds none is left to choose one by.
            chosen = {**settings, "training": {"protocol": "last", **settings.get("training", {})}}
            runs = [
                Run(folder / f"{seed}.npz", folder / f"{method} {name} {seed}", seed, method, 15, chosen)
                for seed in range(seeds)
            ]
            beside = None if name == "natural" else f"{method}, natural"
            rows.append(Row(f"{method}, {name}", runs, "class_mean_accuracy", beside))
    return rows


def colours(seeds: int, folder: Path, methods: Sequence[str]) -> list[Row]:
    """Chairs that differ by colour alone; vases and bottles with colours by chance; the same of parts."""
    for seed in range(seeds):
        rng = np.random.default_rng(seed)

        def decided(label: int, rng: np.random.Generator = rng) -> NDArray[Any]:
            return SHADES[label] + rng.integers(-40, 40, (256, 3))

        def chance(label: int, rng: np.random.Generator = rng) -> NDArray[Any]:
            return decided(int(rng.integers(2)), rng)

        chairs = [draw(("chair", "chair"), (60, 60), start + seed) for start in (0, TEST_SEED)]
        # The two classes have the same shapes, one after another.
        write(folder / f"classes, colours decide {seed}.npz", *chairs, colors=decided)
        vases = [draw(("vase", "bottle"), (60, 60), start + seed, seen=True) for start in (0, TEST_SEED)]
        write(folder / f"classes, colours say nothing {seed}.npz", *vases, colors=chance)
        _write_parts(folder / f"parts, colours decide {seed}", seed, decides=True)
        _write_parts(folder / f"parts, colours say nothing {seed}", seed, decides=False)
    kinds = [f"{of}, colours {what}" for what in ("decide", "say nothing") for of in ("classes", "parts")]
    return [row for kind in kinds for row in _with_and_without(folder, kind, seeds, methods)]


def _write_parts(folder: Path, seed: int, decides: bool) -> None:
    """Files of chairs, whose parts are those of the shape, or two that colours alone tell apart."""
    rng = np.random.default_rng([seed, 1])
    for split, count in (("train", 40), ("test", 30)):
        (folder / split).mkdir(parents=True)
        for number in range(count):
            start = (TEST_SEED if split == "test" else 0) + 1000 * seed
            shape = generate_shape("chair", start + number, num_points=256)
            shade = rng.integers(0, 2, 256)
            label = shade if decides else shape.parts
            colors = SHADES[shade] + rng.integers(-40, 40, (256, 3))
            write_ply(folder / split / f"{number}.ply", shape.points, colors.astype(np.uint8), {"label": label})


def _with_and_without(folder: Path, kind: str, seeds: int, methods: Sequence[str]) -> list[Row]:
    suffix = ".npz" if kind.startswith("classes") else ""
    rows = []
    for method in methods:
        for names in ([], ["colors"]):
            settings: Settings = {"data": {"features": names}}
            runs = [
                Run(
                    folder / f"{kind} {seed}{suffix}",
                    folder / f"{kind} {method} {len(names)} {seed}",
                    seed,
                    method,
                    12,
                    settings,
                )
                for seed in range(seeds)
            ]
            name = f"{kind}, {method}, {'features' if names else 'none'}"
            rows.append(Row(name, runs, "accuracy", f"{kind}, {method}, none" if names else None))
    return rows


def density(seeds: int, folder: Path, methods: Sequence[str]) -> list[Row]:
    """Four classes at 1024 points, patches of the usual size; measured there, and at a random quarter of the points."""
    categories, counts = ("chair", "mug", "lamp", "bottle"), (24,) * 4
    for seed in range(seeds):
        train, test = (draw(categories, counts, start + seed, 1024, seen=True) for start in (0, TEST_SEED))
        write(folder / f"{seed}.npz", train, test)
        rng = np.random.default_rng(seed)
        thin = [cloud[rng.permutation(1024)[:256]] for cloud in test[0]]
        np.savez(
            folder / f"thin {seed}.npz",
            points=np.stack(thin),
            labels=test[1],
            is_test=np.ones(len(thin), bool),
            classes=np.array([f"class {number}" for number in range(4)]),
        )
    rows = []
    for method in methods:
        for augmentations in (["scale_translate"], ["scale_translate", "resample"]):
            settings: Settings = {
                "data": {"augmentations": augmentations, "num_points": 1024},
                "model": {"num_groups": 64, "group_size": 32},
            }
            runs = [
                Run(
                    folder / f"{seed}.npz",
                    folder / f"{method} {len(augmentations)} {seed}",
                    seed,
                    method,
                    8,
                    settings,
                    folder / f"thin {seed}.npz",
                )
                for seed in range(seeds)
            ]
            name = f"{method}, {augmentations[-1]}"
            rows.append(Row(f"{name}, 1024 points", runs, "accuracy"))
            rows.append(Row(f"{name}, 256 points", runs, "thin", f"{name}, 1024 points"))
    return rows


CHECKS = {"classes": (classes, 5), "colours": (colours, 3), "density": (density, 3)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--methods", nargs="+", default=["lora", "pointlora-plus", "probe"])
    parser.add_argument("--weights", default="point_mae_tiny@2", help="of point_mae_tiny: a version, or a file")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    arguments = parser.parse_args()
    check, usual = CHECKS[arguments.check]
    with tempfile.TemporaryDirectory() as folder:
        table(check(arguments.seeds or usual, Path(folder), arguments.methods), arguments.weights, arguments.jobs)
