"""`pointlora predict` for part segmentation: labelled clouds, a table, and a picture."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointlora.cli.errors import USER_ERROR, report
from pointlora.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pointlora.prediction import PartPrediction
    from pointlora.prediction.part_labelling import PartLabeller
    from pointlora.reporting.prediction import PartClouds
    from pointlora.reports.parts import PartPanel

DEFAULT_PICTURES = 8


@dataclass(frozen=True)
class LabelledFile:
    """What is told of one file: its prediction without the points, and where that was written to."""

    source: Path
    category: str | None
    points: int
    dropped: int
    labelled: str
    shares: dict[str, float]
    numbers: dict[str, int]
    cloud: Path
    labels: Path

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "file": str(self.source),
            "category": self.category,
            "points": self.points,
            "dropped_points": self.dropped,
            "labelled": self.labelled,
            "shares": self.shares,
            "numbers": self.numbers,
            "cloud": str(self.cloud),
            "labels": str(self.labels),
        }


def run_parts(options: Namespace, open_predictor: Callable[[], PartLabeller]) -> int:
    """Label, write, and print; returns the exit code. Of each file only its line and its panel are kept in memory.

    Args:
        options: of the command line.
        open_predictor: opens the network once everything else has been checked.
    """
    from pointlora.data.file_names import expand_paths
    from pointlora.data.parts.colors import part_colors
    from pointlora.prediction import PartPrediction, write_prediction
    from pointlora.prediction.part_files import PICTURE, plan_outputs
    from pointlora.reports.figures import new_figure
    from pointlora.reports.parts import draw_parts

    if options.output is None:
        raise ConfigError("--output is missing: name the folder for labelled clouds")
    pictures = DEFAULT_PICTURES if options.pictures is None else options.pictures
    if pictures:
        _can_draw(new_figure)
    files = list(expand_paths(options.files))
    outputs = iter(plan_outputs([path for path in files if isinstance(path, Path)], options.output))
    predictor = open_predictor()
    good: list[LabelledFile] = []
    bad: list[DataError] = []
    panels: list[PartPanel] = []
    page = None if options.no_report or options.model else _page()
    for path, result in zip(files, predictor.predict_each(files, options.category), strict=True):
        output = next(outputs) if isinstance(path, Path) else None
        if isinstance(result, PartPrediction) and output is not None:
            try:
                good.append(_told(result, *write_prediction(result, output)))
            except DataError as error:
                result = error
            else:
                if len(panels) < pictures:
                    panels.append(_panel(result))
                if page is not None:
                    page.add(result)
        if isinstance(result, DataError):
            bad.append(result)
            report(str(result))
        del result  # a cloud may be large: the next one is read without it
    picture = None
    if panels:
        colors = part_colors(predictor.space)
        picture = draw_parts(panels, Path(options.output) / PICTURE, colors, up_axis=predictor.up_axis)
    text = as_json(good, bad, picture) if options.json else as_table(good)
    if text:
        print(text)
    if page is not None and good:
        from pointlora.reporting.writing import REPORT_FILE, report_at_the_end

        report_at_the_end(
            lambda: page.report(predictor.space, predictor.up_axis, options.files, options.adapter, options.output),
            Path(options.output) / REPORT_FILE,
        )
    return USER_ERROR if bad else 0


def _page() -> PartClouds:
    """Takes the clouds that the report shows."""
    from pointlora.reporting.options import ReportOptions
    from pointlora.reporting.prediction import PartClouds

    return PartClouds(ReportOptions())


def as_table(good: Sequence[LabelledFile]) -> str:
    """A line a file, its parts by size; those that no point has are left out."""
    from pointlora.reports.tables import text_table

    if not good:
        return ""
    with_category = any(one.category for one in good)
    with_kind = any(one.labelled != "points" for one in good)
    header = ["file", *(["category"] if with_category else []), "points", *(["labelled"] if with_kind else []), "parts"]
    rows: list[list[object]] = []
    for one in good:
        parts = ", ".join(f"{name} {100 * share:.1f} %" for name, share in _largest(one.shares, one.category))
        category = [one.category] if with_category else []
        rows.append([str(one.source), *category, one.points, *([one.labelled] if with_kind else []), parts])
    return text_table(header, rows)


def as_json(good: Sequence[LabelledFile], bad: Sequence[DataError], picture: Path | None) -> str:
    """One object with `predictions`, `picture` and `errors`."""
    content = {
        "predictions": [one.as_dict() for one in good],
        "picture": None if picture is None else str(picture),
        "errors": [str(error) for error in bad],
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _can_draw(new_figure: Any) -> None:
    try:
        new_figure(1, 1)
    except ConfigError as error:
        raise ConfigError(f"{error}, or leave the picture out with --pictures 0") from error


def _told(result: PartPrediction, cloud: Path, labels: Path) -> LabelledFile:
    counts = (len(result.labels), result.cloud.num_dropped)
    about = (result.source, result.category_name, *counts, result.labelled, result.shares, result.numbers)
    return LabelledFile(*about, cloud, labels)


def _panel(result: PartPrediction) -> PartPanel:
    """As many of the points as a picture shows, with the names of their parts."""
    from pointlora.reports.parts import PartPanel, thinned

    shown = thinned(len(result.labels))
    parts = {result.space.part_names[part]: part for part in result.space.parts_of[result.category]}
    names = {}
    for name, share in _largest(result.shares, None):
        short = _short(name, result.category_name)
        names[parts[name]] = f"{short} {100 * share:.0f} %" if share >= 0.01 else f"{short} < 1 %"
    category = f"{result.category_name}: " if result.category_name else ""
    return PartPanel(result.cloud.points[shown], result.parts[shown], names, f"{category}{result.source.name}")


def _largest(shares: dict[str, float], category: str | None) -> list[tuple[str, float]]:
    """Parts with their shares, largest first, without the category's name; empty ones left out."""
    found = sorted(shares.items(), key=lambda pair: -pair[1])
    return [(_short(name, category), share) for name, share in found if share > 0]


def _short(part: str, category: str | None) -> str:
    return part.removeprefix(f"{category} ") if category else part
