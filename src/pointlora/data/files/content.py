"""What a reader finds in a file: coordinates and named columns as they stand there, before anything is judged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Column = Callable[[], np.ndarray]


def no_attributes(label: str | None) -> dict[str, np.ndarray]:
    """Attributes of a file that has nothing but coordinates."""
    return {}


@dataclass(frozen=True)
class Content:
    """What a file of R points or vertices holds. Columns are made when they are asked for, not before.

    Attributes:
        coordinates: gives (R, 3) numbers in the file's own precision; NaN where a row has no point.
        columns: functions by the file's own names, in its order, that give (R,) or (R, k); x, y, z are left out.
        attributes: gives arrays of R rows by agreed name ("normals", "colors", "labels", others under their own), told
            the name of the column that is the label, or None.
        triangles: (F, 3) int64 indices, F >= 1, where the file is a mesh.
        positions: of a table: the names of all its columns, x, y, z included, from left to right.
        notes: what of the file isn't read, a line each, for the user.
        named: whether the file names its columns; those of a table without names are called column_4 and so on.
    """

    coordinates: Column
    columns: Mapping[str, Column] = field(default_factory=dict)
    attributes: Callable[[str | None], dict[str, np.ndarray]] = no_attributes
    triangles: NDArray[np.int64] | None = None
    positions: tuple[str, ...] = ()
    named: bool = True
    notes: tuple[str, ...] = ()


class Columns(Mapping[str, np.ndarray]):
    """Columns of a file by name, each made when it is asked for.

    Args:
        columns: functions that give arrays of R rows.
        kept: rows to keep, all if None.
    """

    def __init__(self, columns: Mapping[str, Column], kept: NDArray[np.int64] | None = None) -> None:
        self._columns, self._kept = columns, kept

    def __getitem__(self, name: str) -> np.ndarray:
        return rows(self._columns[name](), self._kept)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


class Attributes(Mapping[str, np.ndarray]):
    """Arrays by name, all made when the first of them is asked for.

    Args:
        make: gives them.
    """

    def __init__(self, make: Callable[[], dict[str, np.ndarray]]) -> None:
        self._make = make
        self._made: dict[str, np.ndarray] | None = None

    def _all(self) -> dict[str, np.ndarray]:
        if self._made is None:
            self._made = self._make()
        return self._made

    def __getitem__(self, name: str) -> np.ndarray:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def rows(values: np.ndarray, kept: NDArray[np.int64] | None) -> np.ndarray:
    """The kept rows of an array, all of them if `kept` is None."""
    return values if kept is None else values[kept]
