"""The page of predictions: the clouds of a user's own files, the least certain first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pointlora.prediction import Predictor
from pointlora.reporting.choosing import MOST_SHOWN, choose_shown, spread_evenly
from pointlora.reporting.classification import best_classes, details, surprises
from pointlora.reporting.files import FileClouds, ReadCloud
from pointlora.reporting.head import command_line
from pointlora.reporting.looking import look
from pointlora.reporting.options import ReportOptions
from pointlora.reporting.showing import MOST_POINTS, printable, show, show_points, without_folders
from pointlora.reports.page.content import Cloud, Head, Report
from pointlora.version import __version__

if TYPE_CHECKING:
    from pointlora.prediction import PartPrediction, Prediction
    from pointlora.prediction.predictor import TorchClassifier


def reader_of(adapter: Path, options: ReportOptions) -> ReadCloud:
    """What reads files as an adapter wants them."""
    return file_reader(Predictor(adapter, options.base, options.accelerator))


def file_reader(predictor: Any) -> ReadCloud:
    """The same of an adapter that is open."""

    def read(path: Path) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
        cloud = predictor.read_file(path)
        colors = cloud.attributes.get("colors")
        return predictor.turned(cloud.featured), None if cloud.sampled or colors is None else np.asarray(
            colors, np.uint8
        )

    return read


def classified_report(
    predictor: TorchClassifier, predictions: Sequence[Prediction], files: Sequence[str], adapter: str
) -> Report:
    """The page of classified files; those that are shown are read once more.

    Args:
        predictor: that classified them.
        predictions: of the files that could be read.
        files: that were given on the command line.
        adapter: the same.
    """
    options = ReportOptions()
    chances = np.stack([prediction.probabilities for prediction in predictions])
    surprise, predicted = surprises(chances, None), chances.argmax(1)
    order = choose_shown(surprise, predicted)
    read = file_reader(predictor)
    shown_files = [predictions[index].source for index in order]
    source = FileClouds(shown_files, read, predictor.transform.config)
    looks = look(predictor.model, source.batches())
    place = {path: number for number, path in enumerate(source.good)}
    clouds = []
    for index, path in zip(order, shown_files, strict=True):
        if looks is None or path not in place:
            continue
        cloud, colors = read(path)
        shown, _ = show(cloud, predictor.transform.config, MOST_POINTS, colors)
        clouds.append(
            Cloud(
                name=_name(path, options),
                points=shown.points,
                predicted=int(predicted[index]),
                probabilities=best_classes(chances[index], None),
                surprise=float(surprise[index]),
                colors=shown.colors,
                **details(predictor.model, looks, place[path], shown),
            )
        )
    names = tuple(predictor.class_names)
    return Report(
        "predict",
        _head("classification", len(predictions), adapter, files),
        names=names,
        up_axis=predictor.transform.config.up_axis,
        clouds=clouds,
        clouds_measured=len(predictions),
        made_with=f"pointlora {__version__}",
    )


class PartClouds:
    """Labelled files for a page; of each only the points that are shown are kept, of many files the first ones.

    Attributes:
        clouds: for the page.
        count: files seen.
    """

    def __init__(self, options: ReportOptions) -> None:
        self.options, self.clouds, self.count = options, [], 0  # type: tuple[ReportOptions, list[Cloud], int]

    def add(self, result: PartPrediction) -> None:
        """Keep a file's labels for the page."""
        self.count += 1
        if len(self.clouds) == MOST_SHOWN:
            return
        some = spread_evenly(len(result.labels), MOST_POINTS)
        colors = result.cloud.attributes.get("colors")
        shown = show_points(result.cloud.points[some], None if colors is None else np.asarray(colors, np.uint8)[some])
        category = result.category if result.space.categories else None
        self.clouds.append(
            Cloud(
                name=_name(result.source, self.options),
                points=shown.points,
                true=None,
                predicted=category,
                colors=shown.colors,
                parts_predicted=result.parts[some].astype(np.int16),
            )
        )

    def report(self, space: Any, up_axis: str, files: Sequence[str], adapter: str, output: str) -> Report:
        """The page; the last arguments are those of the command line."""
        return Report(
            "predict",
            _head("part_segmentation", self.count, adapter, files, output),
            names=space.categories,
            part_names=space.part_names,
            up_axis=up_axis,
            clouds=self.clouds,
            clouds_measured=self.count,
            made_with=f"pointlora {__version__}",
        )


def _head(task: Any, count: int, adapter: str, files: Sequence[str], output: str | None = None) -> Head:
    words = ["--adapter", adapter, *([] if output is None else ["--output", output]), *files]
    command = printable(without_folders(command_line("predict", *words)))
    place = Path(adapter)
    name = place.parent.name if place.name == "adapter" else place.name
    return Head(f"predictions by {printable(name or 'an adapter')}", task, data=f"{count:,} files", command=command)


def _name(path: Path, options: ReportOptions) -> str:
    if options.paths:
        return printable(str(path.resolve()))
    return printable(path.name if path.is_absolute() else str(path))
