"""The demonstration: pre-train a tiny backbone on clean shapes, adapt it to scans with few labels, look at the result.

Everything is made on the spot, so it needs no download; it takes a few minutes on two CPU cores. The stages are
ordinary runs (`pointlora pretrain` and `pointlora train` do the same), each in a folder of its own. One that is
finished is kept, so a second call shows the result at once, and an interrupted one goes on.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pointlora.atomic import write_atomically
from pointlora.training.recipe import PretrainRecipe, PretrainRunConfig, TrainingConfig, TrainRecipe
from pointlora.training.recipe_parts import DataConfig, ModelConfig, OptimizerConfig

CLASSES = ("airplane", "bed", "bottle", "car", "chair", "guitar", "lamp", "laptop", "table", "toilet")
NUM_POINTS = 1024
TRAIN_PER_CLASS, TEST_PER_CLASS = 25, 30
METHODS = ("pointlora", "head_only")
# For each method the best of 1e-3, 2e-3 and 5e-3 (for the head alone also of 1e-2) on the validation scans of seed 0.
LEARNING_RATE = 5e-3


@dataclass(frozen=True)
class DemoSize:
    """How much is done.

    Attributes:
        pretrain_epochs: passes of `pretrain_clouds` clean shapes, new ones in each.
        pretrain_clouds: shapes a pass.
        epochs: passes over the labelled scans.
        train_per_class: labelled scans a class, a fifth of which chooses the best epoch.
        test_per_class: scans a class to measure on.
    """

    pretrain_epochs: int = 15
    pretrain_clouds: int = 1280
    epochs: int = 50
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
    precision = usable_precision()
    output.mkdir(parents=True, exist_ok=True)
    # Pre-training comes first: it refuses a folder of another seed or size, so that scans are never mixed.
    _say("1/4  pre-training on clean shapes, without labels")
    pretrained = output / "pretrain"
    _finish(pretrain_recipe(pretrained, seed, precision, size))
    _say("2/4  scans: a few labelled ones to learn from, others to test on")
    scans = write_scans(output / "scans.npz", seed, size)
    results = {}
    for number, method in enumerate(METHODS):
        _say(f"{number + 3}/4  fine-tuning on the labelled scans: {method}")
        recipe = train_recipe(method, output / method, scans, pretrained / "model.safetensors", seed, precision, size)
        results[method] = _finish(recipe)
        adapter = output / method / "adapter"
        results[method]["adapter_bytes"] = sum(path.stat().st_size for path in adapter.iterdir())
    return results


def usable_precision() -> str:
    """bf16 where the processor computes in it (nearly twice as fast), otherwise 32."""
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "32"
    # Older versions of torch can't tell; float32 is always right.
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bf16" if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") else "32"


def write_scans(path: Path, seed: int, size: DemoSize) -> Path:
    """Labelled scans as one `.npz` data set, the form in which one's own data may lie as well."""
    from pointlora.data import open_dataset

    if path.exists():
        return path
    options: dict[str, Any] = {"variant": "scan", "num_points": NUM_POINTS, "seed": seed, "categories": CLASSES}
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


def pretrain_recipe(output: Path, seed: int, precision: str, size: DemoSize) -> PretrainRecipe:
    """Masked autoencoding of clean shapes of all categories."""
    return PretrainRecipe(
        model=ModelConfig("point_mae_tiny", num_groups=32, group_size=32, drop_path_rate=0.0),
        data=DataConfig("procedural", options={"num_points": NUM_POINTS, "seed": seed}, **_preparation()),
        optimizer=OptimizerConfig(lr=1e-3, warmup_epochs=1, warmup_lr=1e-4),
        training=PretrainRunConfig(
            epochs=size.pretrain_epochs,
            samples_per_epoch=size.pretrain_clouds,
            batch_size=64,
            seed=seed,
            precision=precision,
            workers=0,
            tensorboard=False,
        ),
        output=str(output),
    )


def train_recipe(
    method: str, output: Path, scans: Path, checkpoint: Path, seed: int, precision: str, size: DemoSize
) -> TrainRecipe:
    """Fine-tuning on the labelled scans; all methods get the same data, epochs and batches."""
    return TrainRecipe(
        model=ModelConfig("point_mae_tiny", str(checkpoint), num_groups=32, group_size=32, drop_path_rate=0.1),
        method={"name": method},
        data=DataConfig("npz", root=str(scans), validation_fraction=0.2, **_preparation()),
        optimizer=OptimizerConfig(lr=LEARNING_RATE, warmup_epochs=5, warmup_lr=1e-4),
        training=TrainingConfig(
            epochs=size.epochs, batch_size=32, seed=seed, precision=precision, workers=0, tensorboard=False
        ),
        output=str(output),
    )


def _preparation() -> dict[str, Any]:
    # The shapes stand on the floor with z up, but face any way. Clouds have exactly the points that are wanted.
    augmentations = ["rotate_up", "scale_translate"]
    return {"num_points": NUM_POINTS, "oversample": 1.0, "up_axis": "z", "augmentations": augmentations}


def _finish(recipe: Any) -> dict[str, Any]:
    """The results of a run: those that are there if it is finished, otherwise by starting it or going on with it."""
    from pointlora.training.recipe_files import to_mapping

    results = Path(recipe.output) / "results.json"
    if results.is_file():
        found: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
        if found.get("recipe") == to_mapping(recipe):
            _say(f"     finished before; delete {recipe.output} to run it again")
            return found
    if isinstance(recipe, TrainRecipe):
        from pointlora.training.fit import fine_tune

        return fine_tune(recipe)
    from pointlora.training.pretrain import pretrain

    return pretrain(recipe)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
