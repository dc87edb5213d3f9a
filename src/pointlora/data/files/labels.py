"""Which column of a file is the label: one that is named or told, or whose name says so; never a guess by place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.files.content import Content, rows
from pointlora.data.files.limits import data_error
from pointlora.errors import DataError

# In order of preference, in any case. "scalar_..." is how CloudCompare writes a scalar field.
LABEL_NAMES = ("label", "labels", "scalar_label", "scalar_labels", "classification", "scalar_classification")
_SHOWN_NAMES = 20


@dataclass(frozen=True)
class LabelChoice:
    """Where the labels of files are; without a choice, only a column named like one of `LABEL_NAMES` is taken.

    Attributes:
        name: the name of a column, property, attribute, dimension or array; in any case if it is the only such one.
        column: the number of a column of a table, counted from 1, so that 4 is the one right after x, y, z.
        layout: the files are those of a data set whose labels are the fourth of four columns, or the seventh of seven
            after normals (x y z nx ny nz label, ShapeNetPart), in tables without names.
    """

    name: str | None = None
    column: int | None = None
    layout: bool = False

    def __post_init__(self) -> None:
        if self.name is not None and self.column is not None:
            raise DataError(f"label_name is {self.name!r} and label_column is {self.column}; give one of them")
        if self.column is not None and self.column < 1:
            raise DataError(f"label_column is {self.column}, but columns are counted from 1; give 4 for the fourth")


def find_labels(
    path: Path, content: Content, kept: NDArray[np.int64] | None, choice: LabelChoice
) -> tuple[str, NDArray[np.int64]] | None:
    """The label of each kept row and the name of its column; None where nothing says which column it is.

    Args:
        path: the file, for messages.
        content: of it.
        kept: rows that hold a point, all if None.
        choice: what the user says about it.

    Raises:
        DataError: a column was chosen that the file doesn't have, or that isn't made of whole numbers.
    """
    if choice.name is not None or choice.column is not None:
        source = _chosen(path, content, choice)
        values = rows(content.columns[source](), kept)
        labels = as_labels(values)
        if labels is None:
            raise data_error(path, f"{source!r} isn't a label: {_first_wrong(values)}", "labels are whole numbers")
        return source, labels
    for source in _candidates(content, choice):
        labels = as_labels(rows(content.columns[source](), kept))
        if labels is not None:
            return source, labels
    return None


def refused_labels(content: Content, kept: NDArray[np.int64] | None, choice: LabelChoice) -> list[str]:
    """Why columns aren't the label that `find_labels` would have taken first by their names, a phrase each."""
    found = []
    for source in _candidates(content, choice):
        values = rows(content.columns[source](), kept)
        if as_labels(values) is not None:
            break
        found.append(f"{source!r} isn't a label: {_first_wrong(values)}")
    return found


def _candidates(content: Content, choice: LabelChoice) -> list[str]:
    """Columns that may be the label without being told, the best first."""
    found = [name for wanted in LABEL_NAMES for name in content.columns if name.lower() == wanted]
    if choice.layout and (place := _place_by_layout(content)) is not None:
        found.append(place)
    return found


def as_labels(values: np.ndarray) -> NDArray[np.int64] | None:
    """Return whole numbers of any dtype as (N,) int64, or None where `values` are something else."""
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        return None
    if values.dtype.kind == "f":
        whole = np.abs(values) < 2.0**53
        whole &= np.where(whole, values, 0.5) % 1 == 0
        if not whole.all():
            return None
    elif values.dtype.kind == "u" and len(values) and values.max() > np.iinfo(np.int64).max:
        return None
    return values.astype(np.int64)


def _chosen(path: Path, content: Content, choice: LabelChoice) -> str:
    names = list(content.columns)
    if choice.name is not None:
        same = [name for name in names if name == choice.name]
        found = same or [name for name in names if name.lower() == choice.name.lower()]
        if len(found) == 1:
            return found[0]
        listed = ", ".join(names[:_SHOWN_NAMES]) + (", ..." if len(names) > _SHOWN_NAMES else "") or "none"
        raise data_error(path, f"has no column {choice.name!r} beside x, y, z", f"label_name can be one of: {listed}")
    assert choice.column is not None
    if not content.positions:
        fix = f"label_name can be one of: {', '.join(names[:_SHOWN_NAMES]) or 'none'}"
        raise data_error(path, f"label_column is {choice.column}, but the file isn't a table", fix)
    if choice.column > len(content.positions):
        problem = f"label_column is {choice.column}, but its table has {len(content.positions)} columns"
        raise data_error(path, problem, "columns are counted from 1")
    name = content.positions[choice.column - 1]
    if name not in content.columns:
        problem = f"label_column is {choice.column}, but that column is {name}"
        raise data_error(path, problem, "columns are counted from 1: 4 is the one right after x, y, z")
    return name


def _place_by_layout(content: Content) -> str | None:
    """The fourth of four columns, or the seventh of seven behind normals, of a table without names."""
    if content.named or len(content.positions) not in (4, 7):
        return None
    if len(content.positions) == 7 and "normals" not in content.attributes(None):
        return None
    return content.positions[-1]


def _first_wrong(values: np.ndarray) -> str:
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        return f"it has shape {values.shape} and dtype {values.dtype}"
    wrong = np.flatnonzero(~(np.isfinite(values) & (values % 1 == 0))) if values.dtype.kind == "f" else [0]
    first = int(wrong[0]) if len(wrong) else 0
    return f"row {first} has {values[first]:g}"
