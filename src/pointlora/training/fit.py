"""A fine-tuning run from its recipe to its folder, whatever its task."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pointlora.adapters.folder import save_adapter
from pointlora.adapters.folder_config import CONFIG_FILE, WEIGHTS_FILE
from pointlora.data.checking import check_clouds
from pointlora.data.datasets import PointCloudDataset
from pointlora.data.density import usual_density
from pointlora.data.transforms import TransformConfig
from pointlora.methods.plugins import load_plugins
from pointlora.models.backbone import Backbone
from pointlora.models.parameters import count_parameters, head_parameters
from pointlora.recipes.files import to_mapping
from pointlora.recipes.protocols import MEASURED_ON, PROTOCOLS, describe_selection
from pointlora.recipes.runs import TrainingConfig, TrainRecipe
from pointlora.training.averaging import MovingAverage, Start, best_factor
from pointlora.training.base_module import TrainedModule
from pointlora.training.callbacks import BestEpoch, History
from pointlora.training.data import Splits, transform_config
from pointlora.training.devices.choice import check_device, evaluation_device
from pointlora.training.devices.processes import on_every_device
from pointlora.training.devices.world import current_world
from pointlora.training.engine import run_training
from pointlora.training.head_fitting import fit_head
from pointlora.training.k_fold import best_epochs, held_out_curve
from pointlora.training.memory import peak_memory
from pointlora.training.precision import settle_precision
from pointlora.training.recalibration import Recalibration
from pointlora.training.run_folder import RunFolder
from pointlora.training.tasks import Metrics, Task, get_task
from pointlora.training.trained_state import load_trained_state

# How many times as often as another a class may occur without a word.
_UNBALANCED = 3


def fine_tune(recipe: TrainRecipe, resume: bool = False, weights: Mapping[str, Tensor] | None = None) -> dict[str, Any]:
    """Train, choose the best epoch (or take the last one), measure it on the test set, and write the run's folder.

    With `training.measure_test` false the test set isn't opened, and the figures are those of the validation split.

    Everything is checked before the folder is made. An unfinished run of the same recipe in the folder goes on, to the
    same weights, bit for bit, that it would have had without the interruption.

    With `training.devices` above 1, so many processes train together. Each imports the calling script anew, which
    must therefore call this under `if __name__ == "__main__":`.

    Args:
        recipe: what to do.
        resume: fail unless the folder holds an unfinished run.
        weights: what `model.checkpoint` holds, for several runs that share it; by default it is read.

    Returns:
        what results.json holds; nothing in the other processes of `torchrun` than the first.

    Raises:
        ConfigError, DataError, CheckpointError: for bad settings, data and weights.
        OSError: if the folder can't be written.
    """
    return on_every_device(partial(_fine_tune, weights=weights), settle_precision(recipe), resume)


def _fine_tune(recipe: TrainRecipe, resume: bool, weights: Mapping[str, Tensor] | None) -> dict[str, Any]:
    started, first = time.perf_counter(), current_world().first
    load_plugins(recipe.plugins)  # a recipe that came from another process brings only their names
    folder, task = RunFolder(recipe), get_task(recipe.task)
    goes_on = folder.check(resume) if first else False
    splits, transform, model = prepare(recipe, weights)
    if first:
        folder.create()
    counts = count_parameters(model)
    _say(
        first,
        f"{'resuming' if goes_on else 'training'} {recipe.method['name']} on {recipe.model.name}: "
        f"{counts.trainable:,} of {counts.total:,} parameters ({100 * counts.share:.2f} %), "
        f"{len(splits.train)} clouds; {describe_selection(PROTOCOLS[recipe.training.protocol])}",
    )
    if first:
        say_imbalance(recipe, splits.train)
    epochs = None
    if recipe.training.protocol == "k_fold" and recipe.training.fold is None:
        curve = held_out_curve(recipe, partial(_fine_tune, resume=False, weights=weights))
        epochs = best_epochs(curve)
    tuned = tune(recipe, task, splits, transform, model, folder, epochs)
    if not first:
        return {}
    model.to(evaluation_device(recipe.training.accelerator))
    metrics = task.evaluate(model, splits.reported, transform, recipe.training)
    results = {**summarize(recipe, metrics, tuned, model, time.perf_counter() - started), **tuned.more}
    if epochs is not None:
        results["held_out_curve"] = curve
    write_outputs(model.cpu(), task, recipe, splits, folder, results)
    return results


class Tuned(NamedTuple):
    """What a run did to its model.

    Attributes:
        history: of its epochs.
        epochs: as many as it was meant to have at most.
        best_epoch: the one whose weights the model has, from 1 on; 0 for the start.
        selection: their figure on the selection split, in [0, 1]; None without one.
        more: for results.json.
    """

    history: History
    epochs: int
    best_epoch: int
    selection: float | None
    more: dict[str, Any]


def tune(
    recipe: TrainRecipe,
    task: Task,
    splits: Splits,
    transform: TransformConfig,
    model: Backbone,
    folder: RunFolder,
    epochs: int | None = None,
) -> Tuned:
    """Train the model and leave it with the weights that are chosen.

    Args:
        recipe, task, splits, transform, model, folder: of the run.
        epochs: end after so many; the schedule stays that of the recipe.
    """
    loaders = task.loaders(splits, transform, recipe.training)
    recipe = with_epochs(recipe, len(loaders[0]))
    run = recipe.training
    best = None if splits.selection is None else BestEpoch(recipe.criterion, run.patience)
    history = History(folder, best, lines=True)
    module = task.make_module(model, recipe, splits)
    if run.recalibrates:
        module.recalibration = Recalibration(task.recalibration_loader(splits, transform, run), module.forward)
    if recipe.probes and not folder.last.exists():
        start_as_probe(model, task, recipe, splits, transform, best, task.label_weights(recipe, splits))
    more: dict[str, Any] = {"start": None if best is None or best.epoch >= 0 or best.value < 0 else best.value}
    start = Start(model, more["start"]) if recipe.interpolates or recipe.probes else None
    callbacks = [best, history, start, MovingAverage(run.ema) if run.ema else None]
    most = run.epochs if model.method.trains else 0
    wanted = most if epochs is None else min(epochs, most)
    if wanted:
        present = [callback for callback in callbacks if callback is not None]
        seconds = run_training(module, *loaders, folder, run, recipe.optimizer, present, wanted)
        if run.compile:
            more["compile_seconds"] = round(seconds, 3)
    if best is None:
        return Tuned(history, most, wanted, None, more)
    if not current_world().first:
        return Tuned(history, most, best.epoch + 1, best.value, more)
    load_trained_state(model, best.weights)
    selection = best.value
    if start is not None:
        more["start"] = start.figure
        if recipe.interpolates and best.epoch >= 0:
            more["interpolation"], selection = interpolate(module, task, splits, transform, run, start, best)
    return Tuned(history, most, best.epoch + 1, selection, more)


def with_epochs(recipe: TrainRecipe, batches: int) -> TrainRecipe:
    """The recipe with as many epochs of so many batches as hold `training.steps`, where these are given."""
    steps = recipe.training.steps
    if steps is None:
        return recipe
    return replace(recipe, training=replace(recipe.training, epochs=-(-steps // batches), steps=None))


def interpolate(
    module: TrainedModule,
    task: Task,
    splits: Splits,
    transform: TransformConfig,
    run: TrainingConfig,
    start: Start,
    best: BestEpoch,
) -> tuple[float, float]:
    """Leave the model where it is best between the start and the best epoch; the factor and its figure."""
    model = module.model.to(evaluation_device(run.accelerator))
    chosen = splits.selection
    assert chosen is not None

    def measure() -> float:
        if module.recalibration is not None:
            module.recalibration(model, next(model.parameters()).device)
        return float(task.evaluate(model, chosen, transform, run).as_dict()[best.criterion])

    factor, figure = best_factor(model, start.weights, best.weights, measure)
    if module.recalibration is not None:
        module.recalibration(model, next(model.parameters()).device)
    return factor, figure


def prepare(
    recipe: TrainRecipe, weights: Mapping[str, Tensor] | None = None
) -> tuple[Splits, TransformConfig, Backbone]:
    """Data, transforms and model of a run, after all that can be checked before it begins; nothing is written.

    Args:
        recipe: of the run.
        weights: what `model.checkpoint` holds, where it has been read already.

    Raises:
        ConfigError, DataError, CheckpointError, ShapeError: for bad settings, data and weights.
    """
    load_plugins(recipe.plugins)
    check_device(recipe.training.accelerator, recipe.training.devices)
    task = get_task(recipe.task)
    splits = task.open_splits(recipe)
    transform = transform_config(recipe.data, splits.features)
    model = task.build_model(recipe, splits, weights)
    check_clouds(splits.all, model.sizes.group_size)
    try_first_clouds(task, model, splits, transform)
    return splits, transform, model


def say_imbalance(recipe: TrainRecipe, train: PointCloudDataset) -> None:
    """A line on stderr where some classes occur much more often than others, and nothing is done about it."""
    run, counts = recipe.training, dict(zip(train.class_names, train.class_counts().tolist(), strict=True))
    least, most = (choose(counts, key=lambda name: counts[name]) for choose in (min, max))
    untreated = run.class_weights == "none" and not run.focal_gamma and recipe.data.sampling == "natural"
    if untreated and counts[most] > _UNBALANCED * counts[least]:
        print(
            f"unbalanced: {counts[most]:,} of {most!r}, {counts[least]:,} of {least!r}; training.class_weights "
            "balanced (or sqrt) or data.sampling balanced may help rare ones",
            file=sys.stderr,
            flush=True,
        )


def try_first_clouds(task: Task, model: nn.Module, splits: Splits, transform: TransformConfig) -> None:
    """Read a cloud of each split and put them through the model: what can't work fails before anything is written.

    Raises:
        DataError: if a cloud can't be read.
        ShapeError: if it has too few points for the model's patches.
    """
    model.eval()
    with torch.no_grad():
        for split in splits.all:
            task.try_cloud(model, split, transform)


def start_as_probe(
    model: Backbone,
    task: Task,
    recipe: TrainRecipe,
    splits: Splits,
    transform: TransformConfig,
    best: BestEpoch | None,
    class_weights: Tensor | None = None,
) -> None:
    """Fit the head; where an epoch is chosen, the start is a candidate: tuning must be better than the probe."""
    run = recipe.training
    model.to(evaluation_device(run.accelerator))
    loaders = task.probe_loaders(splits, transform, run)
    fitted = fit_head(model, *loaders, seed=run.seed, class_weights=class_weights)
    found = "" if fitted.accuracy is None else f", {100 * fitted.accuracy:.2f} % in cross-validation"
    _say(
        current_world().first,
        f"probe: penalty {fitted.penalty:g}, {fitted.copies} augmented copies{found}",
    )
    if best is not None and splits.selection is not None:
        figures = task.evaluate(model, splits.selection, transform, run).as_dict()
        best.offer(figures[recipe.criterion], -1, model)


def summarize(
    recipe: TrainRecipe,
    metrics: Metrics,
    tuned: Tuned,
    model: nn.Module,
    seconds: float,
) -> dict[str, Any]:
    """The content of results.json; figures are in [0, 1], times in seconds, memory in MiB of this process.

    With the protocol last there is no figure of selection.
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
        **peak_memory(),
        "recipe": to_mapping(recipe),
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
    where = f"on the {results['measured_on']}; {describe_selection(results['selected_on'])}"
    return task.table(results, where)


def _say(first: bool, text: str) -> None:
    if first:
        print(text, file=sys.stderr, flush=True)
