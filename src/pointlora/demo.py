"""The demonstration: adapt the backbone that comes with the package to scans with few labels, and look at the result.

The scans are made on the spot, so it needs no download; it takes up to four minutes on two CPU cores. Each method is
an ordinary run (`pointlora train` does the same) in a folder of its own. One that is finished is kept, so a second call
shows the result at once, and an interrupted one goes on.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pointlora.atomic import write_atomically, write_text_atomically
from pointlora.errors import ConfigError
from pointlora.models.pretrained import PRETRAINED
from pointlora.recipes.parts import DataConfig, ModelConfig, OptimizerConfig
from pointlora.recipes.runs import TrainingConfig, TrainRecipe
from pointlora.training.run_folder import RunFolder

CLASSES = ("airplane", "bed", "bottle", "car", "chair", "guitar", "lamp", "laptop", "table", "toilet")
NUM_POINTS = 1024
TRAIN_PER_CLASS, TEST_PER_CLASS = 25, 30
# The fewer parameters a method trains, the higher; not searched for.
LEARNING_RATES = {"pointlora": 2e-3, "head_only": 5e-3, "full": 5e-4}
# Prompts a twelfth as wide as the network, as in the release.
SETTINGS: dict[str, dict[str, Any]] = {"pointlora": {"prompt_dim": 16}}


@dataclass(frozen=True)
class DemoSize:
    """How much is done.

    Attributes:
        epochs: passes over the labelled scans.
        train_per_class: labelled scans per class, a fifth of which chooses the best epoch.
        test_per_class: scans per class to measure on.
    """

    epochs: int = 9
    train_per_class: int = TRAIN_PER_CLASS
    test_per_class: int = TEST_PER_CLASS


def run_demo(output: Path, seed: int = 0, size: DemoSize | None = None) -> dict[str, dict[str, Any]]:
    """Run all stages.

    Args:
        output: folder for everything.
        seed: decides everything that is random.
        size: how much to do; smaller ones are for tests.

    Returns:
        for each method its `results.json`, with `adapter_bytes` added.

    Raises:
        ConfigError: if `output` holds other things, or a demonstration with other settings.
        OSError: if it can't be written.
    """
    size = size or DemoSize()
    output.mkdir(parents=True, exist_ok=True)
    check_folder(output, seed, size)
    steps = len(LEARNING_RATES) + 1
    _say(f"1/{steps}  scans: a few labelled ones to learn from, different ones to test on")
    scans = write_scans(output / "scans.npz", seed, size)
    results = {}
    for number, method in enumerate(LEARNING_RATES):
        _say(f"{number + 2}/{steps}  fine-tuning on the labelled scans: {method}")
        results[method] = _finish(train_recipe(method, output / method, scans, seed, size))
        adapter = output / method / "adapter"
        results[method]["adapter_bytes"] = sum(path.stat().st_size for path in adapter.iterdir())
    return results


def check_folder(output: Path, seed: int, size: DemoSize) -> None:
    """Refuse a folder with a demonstration of another seed or size, so that scans are never mixed.

    Raises:
        ConfigError: naming what differs.
    """
    settings = json.dumps({"seed": seed, **asdict(size)}, indent=2) + "\n"
    path = output / "demo.json"
    if not path.exists():
        write_text_atomically(path, settings)
    elif path.read_text(encoding="utf-8") != settings:
        raise ConfigError(f"{output} holds a demo with a different seed or size: choose another --output")


def write_scans(path: Path, seed: int, size: DemoSize) -> Path:
    """Labelled scans as one `.npz` data set, the form in which one's own data may lie as well."""
    from pointlora.data import open_dataset

    if path.exists():
        return path
    # Other seeds than that of pre-training: the backbone has seen none of these shapes, not even clean.
    options: dict[str, Any] = {"variant": "scan", "num_points": NUM_POINTS, "categories": CLASSES, "seed": 1000 + seed}
    counts = {"train": size.train_per_class * len(CLASSES), "test": size.test_per_class * len(CLASSES)}
    sizes: dict[str, Any] = {f"{split}_size": count for split, count in counts.items()}
    parts = [open_dataset("procedural", None, split, **sizes, **options) for split in counts]
    arrays = {
        "points": np.stack([part.cloud(index) for part in parts for index in range(len(part))]),
        "labels": np.concatenate([part.labels for part in parts]),
        "classes": np.array(CLASSES),
        "is_test": np.repeat([False, True], list(counts.values())),
    }
    return write_atomically(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]


def train_recipe(method: str, output: Path, scans: Path, seed: int, size: DemoSize) -> TrainRecipe:
    """Fine-tuning on the labelled scans; all methods get the same data, epochs and batches."""
    return TrainRecipe(
        model=ModelConfig("point_mae_tiny", checkpoint=PRETRAINED),
        method={"name": method, **SETTINGS.get(method, {})},
        data=DataConfig("npz", root=str(scans), validation_fraction=0.2, **_preparation()),
        optimizer=OptimizerConfig(lr=LEARNING_RATES[method], warmup_epochs=1, warmup_lr=1e-4),
        training=TrainingConfig(epochs=size.epochs, batch_size=20, seed=seed, workers=0, tensorboard=False),
        output=str(output),
    )


def _preparation() -> dict[str, Any]:
    # The shapes stand on the floor with z up, but face any way. Clouds have exactly the points that are wanted.
    augmentations = ["rotate_up", "scale_translate"]
    return {"num_points": NUM_POINTS, "oversample": 1.0, "up_axis": "z", "augmentations": augmentations}


def _finish(recipe: TrainRecipe) -> dict[str, Any]:
    """The results of a run: those that are there if it is finished, otherwise by starting it or going on with it."""
    from pointlora.training.fit import fine_tune
    from pointlora.training.settling import with_settled_weights

    recipe = with_settled_weights(recipe)
    found = RunFolder(recipe).finished()
    if found is None:
        return fine_tune(recipe)
    _say(f"     finished before; delete {recipe.output} to run it again")
    return found


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
