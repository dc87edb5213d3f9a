"""How long a run on very many clouds takes to its first batch, and how much memory an epoch of reading needs.

    python -m benchmarks.data_start [--clouds 100000] [--points 64] [--form hdf5|folder]

Each measurement is a process of its own: without a cache, the first run with one (which makes it), and the second run.
Memory is the growth of the resident set between the end of all imports and the end of an epoch; imports aren't timed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

CLASSES = 40


def write_set(root: Path, form: str, count: int, points: int) -> None:
    """A ModelNet40 of random clouds in HDF5 files of 2048, or as class folders of `.npy` files."""
    generator = np.random.default_rng(0)
    for split, size in (("train", count), ("test", CLASSES)):
        labels = np.arange(size) % CLASSES
        for start in range(0, size, 2048):
            part = labels[start : start + 2048]
            data = generator.standard_normal((len(part), points, 3)).astype(np.float32)
            if form == "hdf5":
                import h5py

                with h5py.File(root / f"ply_data_{split}{start // 2048:04}.h5", "w") as file:
                    file["data"], file["label"] = data, part
            else:
                for number, (cloud, label) in enumerate(zip(data, part.tolist(), strict=True), start):
                    folder = root / split / f"class{label:02}"
                    folder.mkdir(parents=True, exist_ok=True)
                    np.save(folder / f"{number:06}.npy", cloud)
    if form == "hdf5":
        (root / "shape_names.txt").write_text("".join(f"class{label:02}\n" for label in range(CLASSES)))


def resident() -> int:
    """Bytes of memory that this process holds (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(root: str, form: str, cache: str, points: int) -> dict[str, float]:
    """Open, check, first batch, and an epoch of reading; seconds and megabytes."""
    from pointlora.data.checking import check_clouds
    from pointlora.recipes.files import from_mapping
    from pointlora.recipes.runs import TrainRecipe
    from pointlora.training.data import evaluation_loader, open_splits, train_loader, transform_config

    data = {"name": "modelnet40" if form == "hdf5" else "folder", "root": root, "cache": cache, "num_points": points}
    training = {"workers": 0, "batch_size": 32}
    recipe = from_mapping(TrainRecipe, {"data": data, "training": training})
    before, begin = resident(), time.perf_counter()
    splits, transform = open_splits(recipe), transform_config(recipe.data)
    check_clouds((splits.train, splits.selection, splits.reported), 16)
    next(iter(train_loader(splits.train, transform, recipe.training)))
    next(iter(evaluation_loader(splits.selection, transform, recipe.training)))
    start, opened = time.perf_counter() - begin, resident()
    begin = time.perf_counter()
    for index in range(len(splits.train)):
        splits.train.cloud(index)
    return {
        "start_s": start,
        "open_mb": (opened - before) / 1e6,
        "epoch_s": time.perf_counter() - begin,
        "epoch_mb": (resident() - before) / 1e6,
    }


def main() -> None:
    """Run everything and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clouds", type=int, default=100_000)
    parser.add_argument("--points", type=int, default=64)
    parser.add_argument("--form", choices=("hdf5", "folder"), default="hdf5")
    parser.add_argument("--measure", nargs=2, metavar=("ROOT", "CACHE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], options.form, options.measure[1], options.points)))
        return
    with tempfile.TemporaryDirectory() as folder:
        root, cache = Path(folder) / "set", Path(folder) / "cache"
        root.mkdir()
        write_set(root, options.form, options.clouds, options.points)
        size = options.clouds * options.points * 12 / 1e6
        print(f"{options.clouds} clouds of {options.points} points, {options.form}: {size:.0f} MB of coordinates")
        print(f"{'':<16}{'first batch':>12}{'memory':>12}{'epoch of reading':>18}{'memory':>12}")
        for name, where in (("no cache", "off"), ("first with one", str(cache)), ("second", str(cache))):
            words = ["--form", options.form, "--points", str(options.points), "--measure", str(root), where]
            output = subprocess.run(
                [sys.executable, "-m", "benchmarks.data_start", *words], check=True, capture_output=True, text=True
            )
            row = json.loads(output.stdout)
            print(
                f"{name:<16}{row['start_s']:>10.2f} s{row['open_mb']:>9.0f} MB"
                f"{row['epoch_s']:>16.2f} s{row['epoch_mb']:>9.0f} MB",
                flush=True,
            )


if __name__ == "__main__":
    main()
