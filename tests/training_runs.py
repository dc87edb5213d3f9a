"""Tiny runs for tests: recipes that train in a fraction of a second, and processes that are killed at a chosen step."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import torch

SIZES = {
    "embed_dim": 16,
    "depth": 2,
    "num_heads": 2,
    "num_groups": 16,
    "group_size": 8,
    "tokenizer_dims": [8, 8, 16],
    "drop_path_rate": 0.3,
}
OPTIONS = {"num_points": 256, "categories": ["chair", "mug", "rocket"], "train_size": 36, "test_size": 12}


# Figures and their bounds are the same on every processor.
PRECISION = {"accelerator": "cpu", "precision": "32"}


def tiny_recipe(output: Path, **training: Any) -> dict[str, Any]:
    """Fine-tuning in 3 epochs of 4 steps; `training` overrides."""
    return {
        "model": {"name": "point_mae", **SIZES},
        "method": {"name": "pointlora", "rank": 2},
        "data": {"name": "procedural", "num_points": 128, "options": dict(OPTIONS)},
        "optimizer": {"warmup_epochs": 1, "lr": 0.002},
        "training": {"epochs": 3, "batch_size": 8, "workers": 0, "tensorboard": False, **PRECISION} | training,
        "output": str(output),
    }


def plus_recipe(folder: Path, name: str = "run", **training: Any) -> dict[str, Any]:
    """Fine-tuning that starts as a probe of weights in the folder, in its subfolder `name`; `training` overrides."""
    from pointlora.models.create import create_model

    weights = folder / "weights.pth"
    if not weights.exists():
        torch.manual_seed(0)
        torch.save(create_model("point_mae", num_classes=3, **SIZES).state_dict(), weights)
    recipe = tiny_recipe(folder / name, **training)
    recipe["model"]["checkpoint"] = str(weights)
    return recipe | {"method": {"name": "pointlora-plus", "rank": 2}}


def tiny_parts(output: Path, **training: Any) -> dict[str, Any]:
    """Part segmentation in 3 epochs of 4 steps; `training` overrides."""
    return tiny_recipe(output, **training) | {"task": "part_segmentation"}


def tiny_pretraining(output: Path, **training: Any) -> dict[str, Any]:
    """Pre-training in 3 epochs of 4 steps; `training` overrides."""
    recipe = tiny_recipe(output, **training)
    del recipe["method"]
    return recipe


def tiny_fewshot(output: Path, **training: Any) -> dict[str, Any]:
    """Three folds of 3 ways and 4 shots, each of 3 epochs of one step; `training` overrides."""
    recipe = tiny_recipe(output, **({"protocol": "last"} | training))
    recipe["data"]["options"] = {**OPTIONS, "categories": ["chair", "mug", "rocket", "bed"], "train_size": 24}
    return recipe | {"ways": 3, "shots": 4, "queries": 3, "folds": 3}


def run_process(recipe: dict[str, Any], kill_at: int | None = None) -> int:
    """Run a recipe in a process of its own, and send it SIGKILL after `kill_at` of its steps; returns the exit code.

    The processes are forked from a server that has imported everything once.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pointlora.training.fit", "pointlora.training.pretraining.run"])
    process = context.Process(target=_run, args=(recipe, kill_at))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _run(recipe: dict[str, Any], kill_at: int | None) -> None:
    from pointlora.comparison.fewshot import run_folds
    from pointlora.recipes.fewshot import FewShotRecipe
    from pointlora.recipes.files import from_mapping
    from pointlora.recipes.pretraining import PretrainRecipe
    from pointlora.recipes.runs import TrainRecipe
    from pointlora.training.base_module import TrainedModule
    from pointlora.training.fit import fine_tune
    from pointlora.training.pretraining.run import pretrain

    torch.set_num_threads(1)
    multiprocessing.set_start_method("fork", force=True)  # of the loader's workers, which would import all anew
    if kill_at is not None:
        seen, inner = iter(range(1, kill_at + 1)), TrainedModule.on_train_batch_start

        def killing(self: Any, batch: Any, batch_idx: int) -> None:
            if next(seen, None) is None:
                workers = [process.pid for process in multiprocessing.active_children()]
                Path(f"{recipe['output']}.workers").write_text(" ".join(map(str, workers)))
                os.kill(os.getpid(), signal.SIGKILL)
            inner(self, batch, batch_idx)

        TrainedModule.on_train_batch_start = killing  # type: ignore[method-assign]
    if "ways" in recipe:
        run_folds(from_mapping(FewShotRecipe, recipe))
    elif "method" in recipe:
        fine_tune(from_mapping(TrainRecipe, recipe))
    else:
        pretrain(from_mapping(PretrainRecipe, recipe))


def differences(first: Any, second: Any, path: str = "") -> list[str]:
    """Where two checkpoints differ in a single bit; wall-clock times and memory are left out."""
    if isinstance(first, dict) and isinstance(second, dict):
        keys = [key for key in {**first, **second} if key not in ("seconds", "train_seconds", "memory")]
        return [
            found
            for key in keys
            for found in (
                differences(first[key], second[key], f"{path}/{key}")
                if key in first and key in second
                else [f"{path}/{key} is in only one"]
            )
        ]
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)) and len(first) == len(second):
        pairs = enumerate(zip(first, second, strict=True))
        return [found for index, (a, b) in pairs for found in differences(a, b, f"{path}[{index}]")]
    same = torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second
    return [] if same else [path]


def tiny_comparison(output: Path, **changes: Any) -> dict[str, Any]:
    """Two methods with two seeds, one of which chooses its learning rate from two first: six runs of two epochs."""
    base = tiny_recipe(output, epochs=2)
    del base["method"]
    methods = {
        "full": {"optimizer": {"lr": 0.003}},
        "lora 2": {"name": "lora", "rank": 2, "search": {"optimizer.lr": [0.001, 0.01]}},
    }
    return base | {"methods": methods, "seeds": [0, 1], "search_seeds": [7]} | changes


def same_in_every_comparison(folder: Path) -> dict[str, Any]:
    """What comparison.json holds, without times and memory, which differ from run to run."""
    found: dict[str, Any] = json.loads((folder / "comparison.json").read_text())
    for row in (row for part in ("methods", "runs", "search") for row in found[part]):
        for key in [key for key in row if "seconds" in key or "memory" in key]:
            del row[key]
    return found


def start_comparison(mapping: dict[str, Any]) -> Any:
    """Begin a comparison in a process of its own, which forks the processes of the runs instead of importing anew."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pointlora.training.fit", "pointlora.training.pretraining.run"])
    process = context.Process(target=_compare, args=(mapping,))
    process.start()
    return process


def _compare(mapping: dict[str, Any]) -> None:
    from pointlora.comparison import cells as compare_cells
    from pointlora.comparison.run import run_comparison
    from pointlora.recipes.comparison import CompareRecipe
    from pointlora.recipes.files import from_mapping

    compare_cells.context = lambda: multiprocessing.get_context("fork")
    run_comparison(from_mapping(CompareRecipe, mapping), lambda line: None)


def die(recipe: Any) -> None:
    """Instead of a run."""
    os.kill(os.getpid(), signal.SIGKILL)


def stumble(recipe: Any) -> None:
    """Instead of a run: a mistake of the program."""
    print("before it fell", flush=True)
    raise RuntimeError("a stone")
