"""The report of a run's folder, whatever kind of run it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from pointlora.adapters.loading import load_adapted_model
from pointlora.data.datasets import PointCloudDataset
from pointlora.data.parts.base import PartDataset
from pointlora.errors import ConfigError, DataError, PointLoraError
from pointlora.recipes.files import from_mapping, read_mapping
from pointlora.recipes.runs import TrainRecipe
from pointlora.reporting.classification import classifier_sections
from pointlora.reporting.comparison import comparison_report, fewshot_report
from pointlora.reporting.head import class_table, command_line, confusion_of, head_of_run, learning_of, read_results
from pointlora.reporting.options import ReportOptions
from pointlora.reporting.parts import part_rows, part_sections
from pointlora.reporting.showing import printable, without_folders
from pointlora.reporting.subject import Subject, root_of
from pointlora.reporting.suggesting import label_next
from pointlora.reports.page.content import Report
from pointlora.training.data import transform_config
from pointlora.training.devices.choice import evaluation_device
from pointlora.training.tasks import get_task
from pointlora.version import __version__

RESULTS, COMPARISON, FEWSHOT = "results.json", "comparison.json", "fewshot.json"


def report_of(folder: Path, options: ReportOptions) -> Report:
    """What the page of a folder shows: of a fine-tuning run, a comparison, or few-shot folds.

    Raises:
        ConfigError: if the folder holds none of them, or one that isn't finished.
    """
    known = {COMPARISON: _of_comparison, FEWSHOT: _of_folds, RESULTS: _of_run}
    for name, make in known.items():
        path = folder / name
        if path.is_file():
            try:
                content = read_results(path)
            except (OSError, ValueError) as error:
                raise ConfigError(f"{path} is damaged: {error}") from error
            try:
                return make(folder, content, options)
            except PointLoraError:
                raise
            except (LookupError, TypeError, ValueError, AttributeError) as error:
                raise ConfigError(f"{path} isn't what a run writes: {type(error).__name__} {error}") from error
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder: give that of a run, a comparison or few-shot folds")
    raise ConfigError(f"{folder} holds no finished run, comparison or few-shot folds (no {', '.join(known)})")


def _of_comparison(folder: Path, content: Mapping[str, Any], options: ReportOptions) -> Report:
    _refuse_unlabelled(options)
    path = folder / "comparison.yaml"
    recipe = read_mapping(path) if path.is_file() else {}
    return comparison_report(content, recipe, repeating("compare", path, options))


def _of_folds(folder: Path, content: Mapping[str, Any], options: ReportOptions) -> Report:
    _refuse_unlabelled(options)
    return fewshot_report(content, repeating("fewshot", folder / "config.yaml", options))


def _of_run(folder: Path, results: Mapping[str, Any], options: ReportOptions) -> Report:
    if "method" not in results.get("recipe", {}):
        raise ConfigError(f"{folder} holds a run of pre-training: a report is made of fine-tuning runs")
    command = repeating("train", folder / "config.yaml", options)
    parts = results["recipe"].get("task") == "part_segmentation"
    try:
        found = _with_parts(folder, results, options) if parts else _with_classes(folder, results, options)
    except (PointLoraError, OSError) as error:
        if options.unlabelled is not None:
            raise
        found = {"notes": [_no_clouds(error, options)]}
        if parts:
            found |= _part_names(results)
    intervals = found.pop("intervals", None)
    report = Report(
        "train",
        head_of_run(results, command, intervals),
        up_axis=results["recipe"]["data"]["up_axis"],
        learning=learning_of(folder / "metrics.csv", results),
        made_with=f"pointlora {__version__}",
    )
    if not parts:
        report = replace(
            report,
            names=tuple(results["class_names"]),
            confusion=confusion_of(results),
            table=class_table(results),
        )
    return replace(report, **found)


def _with_classes(folder: Path, results: Mapping[str, Any], options: ReportOptions) -> dict[str, Any]:
    subject = open_run(folder, results, options)
    found = classifier_sections(subject, results)
    if options.unlabelled is not None:
        from pointlora.reporting.prediction import reader_of

        read = reader_of(folder / "adapter", options)
        found["label_next"], notes = label_next(subject, options.unlabelled, read)
        found["notes"] = [*found.get("notes", ()), *notes]
    return found


def _with_parts(folder: Path, results: Mapping[str, Any], options: ReportOptions) -> dict[str, Any]:
    if options.unlabelled is not None:
        raise ConfigError("--unlabelled is for classification; this run is of part segmentation")
    subject = open_run(folder, results, options)
    space = cast(PartDataset, subject.measured).space
    found = part_sections(subject, space, results)
    return {**_part_names(results), **found}


def _part_names(results: Mapping[str, Any]) -> dict[str, Any]:
    from pointlora.data.parts.space import PartSpace

    space = PartSpace.from_dict(results)
    return {"names": space.categories, "part_names": space.part_names, "table": part_rows(results, space)}


def open_run(folder: Path, results: Mapping[str, Any], options: ReportOptions) -> Subject:
    """The model of a finished run, and its data.

    Raises:
        PointLoraError, OSError: if the adapter, its backbone or the data can't be opened, or the data have changed.
    """
    mapping = {**results["recipe"], "plugins": []}  # files that would be run: whoever wants them names them
    recipe = from_mapping(TrainRecipe, mapping, f"{folder / RESULTS}: ")
    splits = get_task(recipe.task).open_splits(recipe)
    _check_same(splits.reported, results)
    model, _ = load_adapted_model(folder / "adapter", options.base)
    return Subject(
        model.to(evaluation_device(options.accelerator)),
        splits.reported,
        splits.train,
        transform_config(recipe.data, splits.features),
        options,
        root_of(results["recipe"]["data"]),
        batch_size=recipe.training.batch_size,
        workers=0,
    )


def _check_same(dataset: PointCloudDataset, results: Mapping[str, Any]) -> None:
    """Require the clouds that the run measured, as far as their classes and their number tell: figures are of those.

    Raises:
        DataError: where there are others.
    """
    known = results.get("class_names")
    if known is not None and list(dataset.class_names) != known:
        changed = sorted(set(dataset.class_names) ^ set(known)) or known
        raise DataError(f"the data have other classes now than the run had (or in another order): {', '.join(changed)}")
    if len(dataset) != results["count"]:
        raise DataError(f"the data have changed: {len(dataset):,} clouds to measure, {results['count']:,} in the run")


def repeating(command: str, recipe: Path, options: ReportOptions) -> str:
    """The command that runs a recipe again, into a folder beside the first."""
    again = f"{recipe.parent}-again"
    text = command_line(command, str(recipe), "--output", again)
    return printable(text if options.paths else without_folders(text))


def _no_clouds(error: Exception, options: ReportOptions) -> str:
    text = " ".join(str(error).split())
    return printable(f"The clouds are not shown: {text if options.paths else without_folders(text)}")


def _refuse_unlabelled(options: ReportOptions) -> None:
    if options.unlabelled is not None:
        raise ConfigError("--unlabelled needs one adapter: give the folder of a fine-tuning run")
