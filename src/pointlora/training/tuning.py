"""The tuning of a run's model: where it starts, its epochs, and which of its weights are kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from torch import Tensor

from pointlora.data.transforms import TransformConfig
from pointlora.models.backbone import Backbone
from pointlora.recipes.runs import TrainingConfig, TrainRecipe
from pointlora.training.averaging import MovingAverage, Start, best_factor
from pointlora.training.base_module import TrainedModule
from pointlora.training.callbacks import BestEpoch, History
from pointlora.training.data import Splits
from pointlora.training.devices.choice import evaluation_device
from pointlora.training.devices.world import current_world
from pointlora.training.engine import run_training
from pointlora.training.gains import Gain, paired_gain
from pointlora.training.head_fitting import HeadRows, choose_fit, fit_head_to, head_rows
from pointlora.training.held_out import HeldOutAnswers
from pointlora.training.recalibration import Recalibration
from pointlora.training.run_folder import RunFolder
from pointlora.training.tasks import Task
from pointlora.training.trained_state import load_trained_state, trained_state


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
    rows: Callable[[], HeadRows] | None = None,
) -> Tuned:
    """Train the model and leave it with the weights that are chosen.

    Args:
        recipe, task, splits, transform, model, folder: of the run.
        epochs: end after so many; the schedule stays that of the recipe.
        rows: gives the features to fit the head to, where several runs share them.
    """
    loaders = task.loaders(splits, transform, recipe.training)
    recipe = with_epochs(recipe, len(loaders[0]))
    run = recipe.training
    best = None if splits.selection is None else BestEpoch(recipe.criterion, run.patience)
    history = History(folder, best, lines=True)
    module = task.make_module(model, recipe, splits)
    if run.recalibrates:
        module.recalibration = Recalibration(task.recalibration_loader(splits, transform, run), module.forward)
    held = None if run.fold is None else HeldOutAnswers()
    found: dict[str, Tensor] = {}
    if recipe.probes and not folder.last.exists():
        begin = time.perf_counter()
        found = start_as_probe(model, task, recipe, splits, transform, best, rows)
        history.before_epochs = time.perf_counter() - begin
        if held is not None:
            held.steps[0] = found
    more: dict[str, Any] = {"start": None if best is None or best.epoch >= 0 or best.value < 0 else best.value}
    start = Start(model, more["start"], found) if recipe.interpolates or recipe.probes else None
    callbacks = [best, history, start, held, MovingAverage(run.ema) if run.ema else None]
    most = run.epochs if model.method.trains else 0
    wanted = most if epochs is None else min(epochs, most)
    if wanted:
        present = [callback for callback in callbacks if callback is not None]
        seconds = run_training(module, *loaders, folder, run, recipe.optimizer, present, wanted)
        if run.compile:
            more["compile_seconds"] = round(seconds, 3)
    if held is not None:
        held.write(folder.held_out)
    if best is None:
        return Tuned(history, most, wanted, None, more)
    if not current_world().first:
        return Tuned(history, most, best.epoch + 1, best.value, more)
    load_trained_state(model, best.weights)
    epoch: int = best.epoch
    selection: float | None = best.value
    if start is not None:
        more["start"] = start.figure
        if recipe.interpolates and epoch >= 0:
            more["interpolation"], selection = interpolate(module, task, splits, transform, run, start, best)
        if run.fold is None and recipe.least_gain and epoch >= 0:
            gain = gained(task, recipe, splits, transform, model, start)
            more |= gain.as_dict()
            if not keeps_tuning(gain, recipe.least_gain, len(history.rows), len(splits.selection or ())):
                load_trained_state(model, start.weights)
                epoch, selection = -1, start.figure
                more.pop("interpolation", None)
    return Tuned(history, most, epoch + 1, selection, more)


def gained(
    task: Task, recipe: TrainRecipe, splits: Splits, transform: TransformConfig, model: Backbone, start: Start
) -> Gain:
    """How much better the model is than its start, on the clouds that choose."""
    chosen = splits.selection
    assert chosen is not None
    model.to(evaluation_device(recipe.training.accelerator))
    after = task.evaluate_each(model, chosen, transform, recipe.training)[1]
    before = start.answers
    if not before:  # a run that an earlier version began
        end = trained_state(model)
        load_trained_state(model, start.weights)
        before = task.evaluate_each(model, chosen, transform, recipe.training)[1]
        load_trained_state(model, end)
    return paired_gain(*(task.scores(found, chosen, recipe.criterion) for found in (before, after)))


def keeps_tuning(gain: Gain, errors: float, tried: int, clouds: int) -> bool:
    """Whether tuning is kept, for the gain of the best of so many epochs on so many clouds; if not, a line says so."""
    kept = gain.exceeds(errors, tried)
    if not kept:
        current_world().say(
            f"the best of {tried} epochs gains {gain}, on {clouds} clouds that it hasn't seen: the fitted head is kept "
            "(training.least_gain)"
        )
    return kept


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


def probe_rows(
    recipe: TrainRecipe, task: Task, splits: Splits, transform: TransformConfig, model: Backbone
) -> HeadRows:
    """The features that the head is fitted to, where it starts fitted."""
    model.to(evaluation_device(recipe.training.accelerator))
    return head_rows(model, *task.probe_loaders(splits, transform, recipe.training), recipe.training.seed)


def shared_rows(
    recipe: TrainRecipe, task: Task, splits: Splits, transform: TransformConfig, model: Backbone
) -> HeadRows:
    """The features that the heads of all folds are fitted to, with the fit that all labels choose.

    With the same penalty, what the folds find out about tuning holds for the head of all labels.
    """
    rows = probe_rows(recipe, task, splits, transform, model)
    chosen = choose_fit(model, rows, recipe.training.seed, task.label_weights(recipe, splits))
    return rows._replace(chosen=chosen)


def start_as_probe(
    model: Backbone,
    task: Task,
    recipe: TrainRecipe,
    splits: Splits,
    transform: TransformConfig,
    best: BestEpoch | None,
    rows: Callable[[], HeadRows] | None = None,
) -> dict[str, Tensor]:
    """Fit the head; where an epoch is chosen, the start is a candidate: tuning must be better than the probe.

    Returns:
        what it answers for each cloud of the selection split; nothing without one.
    """
    run = recipe.training
    model.to(evaluation_device(run.accelerator))
    found = rows() if rows else probe_rows(recipe, task, splits, transform, model)
    fitted = fit_head_to(model, found, run.seed, task.label_weights(recipe, splits))
    more = (
        ""
        if fitted.accuracy is None or run.fold is not None
        else f", {100 * fitted.accuracy:.2f} % in cross-validation"
    )
    current_world().say(f"probe: penalty {fitted.penalty:g}, {fitted.copies} augmented copies{more}")
    if best is None or splits.selection is None:
        return {}
    figures, answers = task.evaluate_each(model, splits.selection, transform, run)
    best.offer(figures.as_dict()[recipe.criterion], -1, model)
    return answers
