"""Which parts there are, and which of them each object category has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pointlora.errors import ConfigError

# What the one category is called of data that has none.
ALL = "all"


@dataclass(frozen=True)
class PartSpace:
    """The labels of points.

    Attributes:
        part_names: name of each label, over all categories.
        categories: names of the object categories; () where none are told apart.
        parts_of: labels of each category, ascending; one entry with all labels where there are no categories.

    Raises:
        ConfigError: for a label that doesn't exist, a category without one, or numbers that don't fit.
    """

    part_names: tuple[str, ...]
    categories: tuple[str, ...] = ()
    parts_of: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        given = self.parts_of or (tuple(range(len(self.part_names))),)
        object.__setattr__(self, "part_names", tuple(self.part_names))
        object.__setattr__(self, "categories", tuple(self.categories))
        object.__setattr__(self, "parts_of", tuple(tuple(sorted(parts)) for parts in given))
        if len(self.parts_of) != max(len(self.categories), 1):
            raise ConfigError(f"{len(self.parts_of)} lists of parts for {len(self.categories)} categories")
        for name, parts in zip(self.class_names, self.parts_of, strict=True):
            if not parts:
                raise ConfigError(f"category {name!r} has no part")
            for part in parts:
                if not 0 <= part < self.num_parts:
                    raise ConfigError(f"category {name!r} has part {part}, but there are {self.num_parts} parts")

    @property
    def num_parts(self) -> int:
        """Labels of all categories together."""
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

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` reads them."""
        return {
            "part_names": list(self.part_names),
            "categories": list(self.categories),
            "parts_of": [list(parts) for parts in self.parts_of],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PartSpace:
        """What `as_dict` wrote.

        Raises:
            ConfigError: if it doesn't describe one.
        """
        try:
            return cls(_names(values["part_names"]), _names(values["categories"]), _lists(values["parts_of"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"no description of parts: {type(error).__name__} {error}") from error


def _names(values: Sequence[Any]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _lists(values: Sequence[Sequence[Any]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(part) for part in parts) for parts in values)
