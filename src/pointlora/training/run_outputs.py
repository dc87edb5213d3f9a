"""What a finished run leaves behind: its figures, its adapter, its tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from pointlora.adapters.folder import save_adapter
from pointlora.adapters.folder_config import CONFIG_FILE, WEIGHTS_FILE
from pointlora.data.density import usual_density
from pointlora.models.parameters import count_parameters, head_parameters
from pointlora.recipes.files import to_mapping
from pointlora.recipes.protocols import MEASURED_ON, PROTOCOLS, describe_protocol
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.data import Splits, transform_config
from pointlora.training.memory import peak_memory
from pointlora.training.run_folder import RunFolder
from pointlora.training.tasks import Metrics, Task, get_task
from pointlora.training.tuning import Tuned


def summarize(
    recipe: TrainRecipe,
    metrics: Metrics,
    tuned: Tuned,
    model: nn.Module,
    seconds: float,
) -> dict[str, Any]:
    """The content of results.json; figures are in [0, 1], times in seconds, memory in MiB.

    Memory and the time of training are those of the whole run, of what came before an interruption too. With the
    protocol last there is no figure of selection.
    """
    counts, history = count_parameters(model), tuned.history
    return {
        **metrics.as_dict(),
        "measured_on": MEASURED_ON[recipe.training.measure_test],
        "selected_on": PROTOCOLS[recipe.training.protocol],
        f"selection_{recipe.criterion}": tuned.selection,
        "best_epoch": tuned.best_epoch,
        "epochs": tuned.epochs,
        "seed": recipe.training.seed,
        "trained_parameters": counts.trainable,
        "total_parameters": counts.total,
        "head_parameters": head_parameters(model),
        "seconds": round(seconds, 3),
        "seconds_per_step": history.seconds_per_step,
        "median_seconds_per_step": history.median_seconds_per_step,
        "training_seconds": round(history.seconds, 3),
        **peak_memory(history.memory),
        "recipe": to_mapping(recipe),
    }


def count_clouds(splits: Splits) -> dict[str, int]:
    """What a run learned from: clouds that it trained on, classes (categories) among them, and clouds that chose.

    With the papers' protocol the last are those of the test set.
    """
    return {
        "train_clouds": len(splits.train),
        "train_classes": int(np.count_nonzero(splits.train.class_counts())),
        "selection_clouds": 0 if splits.selection is None else len(splits.selection),
    }


def write_outputs(
    model: nn.Module, task: Task, recipe: TrainRecipe, splits: Splits, folder: RunFolder, results: dict[str, Any]
) -> None:
    """The adapter, the task's tables, and last of all results.json."""
    data = recipe.data
    thinnest = transform_config(data, splits.features).resample_low if "resample" in data.augmentations else 1.0
    save_adapter(
        model,
        folder.adapter,
        preprocessing=preprocessing(recipe, splits),
        base_checkpoint=recipe.model.checkpoint,
        initial_seed=recipe.training.seed,
        data={"name": data.name, "root": data.root, "options": data.options, **data.labels},
        selected_on=results["selected_on"],
        measured_on=results["measured_on"],
        metrics={name: results[name] for name in task.headlines},
        density=usual_density(splits.train, thinnest),
        **task.adapter_fields(splits),
    )
    task.write_tables(folder, results)
    results["adapter_bytes"] = sum((folder.adapter / name).stat().st_size for name in (CONFIG_FILE, WEIGHTS_FILE))
    folder.write_results(results)


def preprocessing(recipe: TrainRecipe, splits: Splits) -> dict[str, Any]:
    """How clouds were prepared, for prediction."""
    data = recipe.data
    prepared: dict[str, Any] = {"num_points": data.num_points, "normalize": data.normalize, "up_axis": data.up_axis}
    if splits.features is not None:
        prepared["features"] = splits.features.as_dict()
    return prepared


def results_table(results: dict[str, Any]) -> str:
    """The table that ends a run, with the protocol in its caption."""
    task = get_task(results["recipe"]["task"])
    where = f"on the {results['measured_on']}; {describe_protocol(results)}"
    return task.table(results, where)
