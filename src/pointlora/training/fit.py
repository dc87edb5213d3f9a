"""A fine-tuning run from its recipe to its folder, whatever its task."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pointlora.data.checking import check_clouds
from pointlora.data.datasets import PointCloudDataset
from pointlora.data.transforms import TransformConfig
from pointlora.methods.plugins import load_plugins
from pointlora.models.backbone import Backbone
from pointlora.models.parameters import count_parameters
from pointlora.recipes.protocols import PROTOCOLS, describe_selection
from pointlora.recipes.runs import TrainRecipe
from pointlora.training.data import Splits, transform_config
from pointlora.training.devices.choice import check_device, evaluation_device
from pointlora.training.devices.processes import on_every_device
from pointlora.training.devices.world import current_world
from pointlora.training.gains import paired_gain
from pointlora.training.inference_time import TimedModel
from pointlora.training.k_fold import SharedRows, best_epochs, held_out_curve, out_of_fold
from pointlora.training.run_folder import RunFolder
from pointlora.training.run_outputs import count_clouds, summarize, write_outputs
from pointlora.training.settling import settled
from pointlora.training.tasks import Task, get_task
from pointlora.training.tuning import keeps_tuning, shared_rows, tune

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
    return on_every_device(partial(_fine_tune, weights=weights), settled(recipe), resume)


def _fine_tune(
    recipe: TrainRecipe, resume: bool, weights: Mapping[str, Tensor] | None, shared: SharedRows | None = None
) -> dict[str, Any]:
    started, world = time.perf_counter(), current_world()
    first = world.first
    load_plugins(recipe.plugins)  # a recipe that came from another process brings only their names
    folder, task = RunFolder(recipe), get_task(recipe.task)
    goes_on = folder.check(resume) if first else False
    splits, transform, model = prepare(recipe, weights)
    if first:
        folder.create()
    counts = count_parameters(model)
    world.say(
        f"{'resuming' if goes_on else 'training'} {recipe.method['name']} on {recipe.model.name}: "
        f"{counts.trainable:,} of {counts.total:,} parameters ({100 * counts.share:.2f} %), "
        f"{len(splits.train)} clouds; {describe_selection(PROTOCOLS[recipe.training.protocol])}",
    )
    if first:
        say_imbalance(recipe, splits.train)
    epochs, held = None, {}
    if recipe.training.protocol == "k_fold" and recipe.training.fold is None:
        if recipe.probes and splits.features is None:  # the scales of features are fitted to each fold's clouds
            shared = SharedRows(partial(shared_rows, recipe, task, splits, transform, model), splits.train)
        curve = held_out_curve(recipe, partial(_fine_tune, resume=False, weights=weights, shared=shared))
        epochs, answers, gain = chosen_epochs(recipe, task, splits.train, curve)
        held = {"held_out_curve": curve, **gain, **task.write_out_of_fold(folder, splits.train, answers)}
    rows = None if shared is None else partial(shared, recipe.training)
    tuned = tune(recipe, task, splits, transform, model, folder, epochs, rows)
    if not first:
        return {}
    model.to(evaluation_device(recipe.training.accelerator))
    timed = TimedModel(model)
    metrics = task.evaluate(timed, splits.reported, transform, recipe.training)
    results = {
        **summarize(recipe, metrics, tuned, model, time.perf_counter() - started),
        **count_clouds(splits),
        "seconds_per_cloud": timed.seconds_per_cloud,
        **tuned.more,
        **held,
    }
    write_outputs(model.cpu(), task, recipe, splits, folder, results)
    return results


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


def chosen_epochs(
    recipe: TrainRecipe, task: Task, train: PointCloudDataset, curve: Sequence[float | None]
) -> tuple[int, Mapping[str, Tensor], dict[str, float | None]]:
    """The number of epochs that the held-out folds choose, and with it what they answer, and what tuning gains.

    Without a gain that is clear enough it is 0: the start.
    """
    epochs = best_epochs(curve)
    gain: dict[str, float | None] = {}
    answers = out_of_fold(recipe, train, epochs, task.answers)
    if recipe.least_gain and epochs:
        first = out_of_fold(recipe, train, 0, task.answers)
        found = paired_gain(*(task.scores(each, train, recipe.criterion) for each in (first, answers)))
        gain = found.as_dict()
        if not keeps_tuning(found, recipe.least_gain, len(curve) - 1, len(train)):
            epochs, answers = 0, first
    return epochs, answers, gain


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
