"""What a report page shows, as plain values: collected elsewhere, drawn by `pointlora.reports.page.render`.

Every text is data, never markup: the page escapes it. Figures that results.json has are taken from it unchanged.
A section that is None is not shown. Shares (accuracies, probabilities, IoUs) are in [0, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pointlora.reports.page.clouds import (
    STEPS,
    Cloud,
    EmbeddingMap,
    Explanation,
    Neighbor,
    Scale,
    Suggestion,
    frame,
    quantised,
)
from pointlora.reports.page.figures import (
    Bin,
    Calibration,
    ClassRow,
    ClassTable,
    Confusion,
    Curve,
    Fact,
    Figure,
    Head,
    Learning,
    Task,
    Unit,
)

__all__ = [
    "STEPS",
    "Bin",
    "Calibration",
    "ClassRow",
    "ClassTable",
    "Cloud",
    "Comparison",
    "ComparisonRow",
    "Confusion",
    "Curve",
    "EmbeddingMap",
    "Explanation",
    "Fact",
    "Figure",
    "Head",
    "Kind",
    "Learning",
    "Neighbor",
    "Report",
    "Scale",
    "Suggestion",
    "Task",
    "Unit",
    "frame",
    "quantised",
]

Kind = Literal["train", "evaluate", "predict", "compare", "fewshot"]


@dataclass(frozen=True)
class ComparisonRow:
    """A method of a comparison, or a setting of few-shot folds.

    Attributes:
        name: of the method or setting.
        values: the headline figure, one a seed (fold), in the order of `Comparison.runs`; shares.
        mean: of the values.
        std: sample standard deviation; None for a single value.
        low, high: ends of the 95 % interval of the mean (Student's t); None for a single value.
        difference, difference_low, difference_high: to the reference, paired by seed, in shares; None for the
            reference itself (difference) or a single pair (ends).
        trained_parameters, adapter_bytes, seconds, memory_mib: means over the runs; None where unknown.
        labels: share of the training labels that it was given; None where unknown.
        labels_per_class: labels of each class that it was to train on, a number or `all`; None where the comparison has
            one number only.
        labels_a_class: mean over the classes of those that there were; None where unknown.
        seconds_per_cloud: that the finished model takes for a cloud; None where unknown.
        cells: of the table as texts, one for each of `Comparison.columns`.
    """

    name: str
    values: Sequence[float]
    mean: float
    std: float | None = None
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    trained_parameters: float | None = None
    adapter_bytes: float | None = None
    seconds: float | None = None
    memory_mib: float | None = None
    labels: float | None = None
    labels_per_class: int | str | None = None
    labels_a_class: float | None = None
    seconds_per_cloud: float | None = None
    cells: Sequence[str] = ()


@dataclass(frozen=True)
class Comparison:
    """Methods side by side.

    Attributes:
        figure: name of the headline figure, for people.
        runs: name of each run, such as `seed 0`.
        rows: a method each; with several numbers of labels a method and a number, the largest last.
        reference: name of the method that others are compared with; empty without one.
        columns: heads of further columns, whose texts are the rows' `cells`.
        caption: how it was measured.
        counted_by: what labels are counted by: `class` or `category`.
    """

    figure: str
    runs: Sequence[str]
    rows: Sequence[ComparisonRow]
    reference: str = ""
    columns: Sequence[str] = ()
    caption: str = ""
    counted_by: str = "class"

    @property
    def names(self) -> list[str]:
        """The methods, each once; a method's place says its colour."""
        return list(dict.fromkeys(row.name for row in self.rows))

    @property
    def with_most_labels(self) -> Sequence[ComparisonRow]:
        """A row of each method."""
        return [row for row in self.rows if row.labels_per_class == self.rows[-1].labels_per_class]

    @property
    def most_labels(self) -> str:
        """With how many labels these are, for people; empty where there is one number only."""
        most = self.rows[-1].labels_per_class if self.rows else None
        return "" if most is None else "all labels" if most == "all" else f"{most} labels a {self.counted_by}"


@dataclass(frozen=True)
class Report:
    """A page.

    Attributes:
        kind: of the run.
        head: what was run.
        names: classes (in part segmentation the categories), that indices point into.
        part_names: parts, that `Cloud.parts_true` points into.
        up_axis: `x`, `y` or `z`, the axis that points up in the viewer.
        clouds: the gallery, the most surprising first; empty for none.
        clouds_measured: how many there were, of which the gallery may show only a part: then the page says so.
        training: training clouds that neighbors point to.
        label_next: from unlabelled clouds, the most useful first.
        notes: sentences about what couldn't be collected and why.
        made_with: name and version of the program.
    """

    kind: Kind
    head: Head
    names: Sequence[str] = ()
    part_names: Sequence[str] = ()
    up_axis: str = "z"
    learning: Learning | None = None
    confusion: Confusion | None = None
    table: ClassTable | None = None
    calibration: Calibration | None = None
    clouds: Sequence[Cloud] = ()
    clouds_measured: int = 0
    training: Sequence[Cloud] = ()
    embedding: EmbeddingMap | None = None
    comparison: Comparison | None = None
    label_next: Sequence[Suggestion] | None = None
    notes: Sequence[str] = ()
    made_with: str = ""
