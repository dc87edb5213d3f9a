"""Which parts there are, and which of them each object category has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.errors import ConfigError

# What the one category is called of data that has none.
ALL = "all"
# A float32 column of the cache holds every label below this one exactly.
MOST_PARTS = 65_536
# What a part is called that nobody gave a name.
UNNAMED = "part {}"
# Cells of the table of categories and parts: a damaged description must not make it fill the memory.
_MOST_CELLS = 2**26


@dataclass(frozen=True)
class PartSpace:
    """The labels of points.

    Parts are numbered through from 0, as a network needs them; in the files a part may have any number.

    Attributes:
        part_names: name of each part, over all categories.
        categories: names of the object categories; () where none are told apart.
        parts_of: parts of each category, ascending; one entry with all parts where there are no categories.
        numbers: the number that each part has in the files, all different; () stands for those from 0 on.

    Raises:
        ConfigError: for a part that doesn't exist, a category without one, or numbers that don't fit.
    """

    part_names: tuple[str, ...]
    categories: tuple[str, ...] = ()
    parts_of: tuple[tuple[int, ...], ...] = ()
    numbers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        given = self.parts_of or (tuple(range(len(self.part_names))),)
        object.__setattr__(self, "part_names", tuple(self.part_names))
        object.__setattr__(self, "categories", tuple(self.categories))
        object.__setattr__(self, "parts_of", tuple(tuple(sorted(parts)) for parts in given))
        object.__setattr__(self, "numbers", tuple(self.numbers) or tuple(range(len(self.part_names))))
        self._check_numbers()
        if len(self.parts_of) != max(len(self.categories), 1):
            raise ConfigError(f"{len(self.parts_of)} lists of parts for {len(self.categories)} categories")
        for name, parts in zip(self.class_names, self.parts_of, strict=True):
            if not parts:
                raise ConfigError(f"category {name!r} has no part")
            for part in parts:
                if not 0 <= part < self.num_parts:
                    raise ConfigError(f"category {name!r} has part {part}, but there are {self.num_parts} parts")

    def _check_numbers(self) -> None:
        if len(self.numbers) != self.num_parts or len(set(self.numbers)) != self.num_parts:
            raise ConfigError(f"{len(set(self.numbers))} different numbers for {self.num_parts} parts")
        for number in self.numbers:
            if not 0 <= number < MOST_PARTS:
                raise ConfigError(f"a part has number {number}; parts are numbered from 0 to {MOST_PARTS - 1}")
        if self.num_parts * len(self.parts_of) > _MOST_CELLS:
            raise ConfigError(f"{self.num_parts} parts of {len(self.parts_of)} categories are too many")

    @property
    def num_parts(self) -> int:
        """Parts of all categories together."""
        return len(self.part_names)

    @property
    def num_categories(self) -> int:
        """Categories that a model is told; 0 for none."""
        return len(self.categories)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the categories, at least one."""
        return self.categories or (ALL,)

    @property
    def allowed(self) -> NDArray[np.bool_]:
        """(categories, num_parts): whether a category has a part."""
        table = np.zeros((len(self.parts_of), self.num_parts), dtype=bool)
        for row, parts in zip(table, self.parts_of, strict=True):
            row[list(parts)] = True
        return table

    def parts_from(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """The part of each number of a file, of any shape; -1 for a number that no part has."""
        table = np.full(MOST_PARTS, -1, dtype=np.int64)
        table[list(self.numbers)] = np.arange(self.num_parts)
        inside = (labels >= 0) & (labels < MOST_PARTS)
        return np.where(inside, table[np.where(inside, labels, 0)], -1)

    def restricted(self, numbers: Collection[int]) -> PartSpace:
        """The same parts, but without categories only those of these numbers are chosen among and counted."""
        if self.categories:
            return self
        kept = tuple(part for part, number in enumerate(self.numbers) if number in numbers)
        return replace(self, parts_of=(kept,))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them."""
        return {
            "part_names": list(self.part_names),
            "categories": list(self.categories),
            "parts_of": [list(parts) for parts in self.parts_of],
            "numbers": list(self.numbers),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PartSpace:
        """What `as_dict` wrote; earlier releases wrote no numbers: theirs go from 0 on.

        Raises:
            ConfigError: if it doesn't describe one.
        """
        try:
            (numbers,) = _lists([values.get("numbers", ())])
            return cls(_names(values["part_names"]), _names(values["categories"]), _lists(values["parts_of"]), numbers)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise ConfigError(f"no description of parts: {type(error).__name__} {error}") from error


def _names(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _lists(values: Sequence[Sequence[Any]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(part) for part in parts) for parts in values)
