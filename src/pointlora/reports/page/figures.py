"""Figures of a report page: its head, curves, confusion matrix, table of classes and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Task = Literal["classification", "part_segmentation"]
Unit = Literal["share", "number"]


@dataclass(frozen=True)
class Figure:
    """A figure with its interval.

    Attributes:
        name: for people, such as `overall accuracy`.
        key: its name in results.json.
        value: a share.
        low, high: ends of its 95 % bootstrap interval over clouds; None where nothing is known of it.
    """

    name: str
    key: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Fact:
    """A line of the head that has no field of its own: `name` and `text`, both for people."""

    name: str
    text: str


@dataclass(frozen=True)
class Head:
    """What was run, and what came of it.

    Attributes:
        title: such as `pointlora on scanobjectnn`.
        task: of the run.
        data: the data set's name, and the split that was measured.
        method, backbone: names.
        protocol: on what the best epoch was chosen, a sentence; empty where nothing was chosen.
        warning: where the test set chose: a sentence to be shown as a warning; empty otherwise.
        figures: the headline first.
        probe: what the head, fitted to the frozen backbone, reached before tuning, on the split that its name says;
            None where the run didn't begin so.
        trained_parameters, total_parameters: None where unknown; the trained share is their ratio.
        adapter_bytes: size of the adapter on disk.
        seconds: of the whole run.
        memory_mib: peak memory of the process; of the GPU where `memory_of` is `GPU`.
        memory_of: `process` or `GPU`.
        command: shell command that repeats the run; empty if unknown.
        more: further lines.
    """

    title: str
    task: Task
    data: str = ""
    method: str = ""
    backbone: str = ""
    protocol: str = ""
    warning: str = ""
    figures: Sequence[Figure] = ()
    probe: Figure | None = None
    trained_parameters: int | None = None
    total_parameters: int | None = None
    adapter_bytes: int | None = None
    seconds: float | None = None
    memory_mib: float | None = None
    memory_of: str = "process"
    command: str = ""
    more: Sequence[Fact] = ()


@dataclass(frozen=True)
class Curve:
    """A figure after each epoch.

    Attributes:
        name: for people, such as `training loss`.
        unit: share (axis in percent) or number.
        values: as many as there are epochs; None where it wasn't measured.
    """

    name: str
    unit: Unit
    values: Sequence[float | None]


@dataclass(frozen=True)
class Learning:
    """Learning curves.

    Attributes:
        epochs: numbers from 1 on.
        curves: each to be drawn over the epochs, those of one unit in one chart.
        chosen: the epoch whose weights were kept; 0 for the start; None if unknown.
    """

    epochs: Sequence[int]
    curves: Sequence[Curve]
    chosen: int | None = None


@dataclass(frozen=True)
class Confusion:
    """Confusion matrix over all clouds measured: counts (C, C), rows are true classes, columns predicted ones.

    `names` are those of the classes; a cell selects the clouds with that `true` and `predicted`.
    """

    names: Sequence[str]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class ClassRow:
    """A class, or a part, of the table.

    Attributes:
        name: of the class or part.
        group: category that a part belongs to; empty otherwise.
        count: clouds of the class; for a part, clouds whose category has it; None if unknown.
        value: accuracy, or mean IoU; None where it doesn't occur.
        low, high: ends of the 95 % bootstrap interval of `value`.
        confused_with: the class that it is most often taken for; empty if none.
        index: in the names of the report; None for a row that clouds can't be filtered by.
    """

    name: str
    value: float | None
    group: str = ""
    count: int | None = None
    low: float | None = None
    high: float | None = None
    confused_with: str = ""
    index: int | None = None


@dataclass(frozen=True)
class ClassTable:
    """Table of classes or parts, to be sorted; `figure` names the value: `accuracy` or `IoU`."""

    figure: str
    rows: Sequence[ClassRow]


@dataclass(frozen=True)
class Bin:
    """Clouds (points, for parts) with a confidence in (low, high]: their number, mean confidence and accuracy."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Confidence against accuracy: bins that aren't empty, and the expected calibration error, a share.

    `of` is what is counted: `clouds` or `points`.
    """

    bins: Sequence[Bin]
    error: float
    of: str = "clouds"
