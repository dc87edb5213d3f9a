"""Names of columns as programs write them: in any case, quoted, with units."""

from __future__ import annotations

import re
from collections.abc import Sequence

AXES = ("x", "y", "z")
_UNIT = re.compile(r"\s*[\[(][^\])]*[\])]\s*$")
_SPACE_BEFORE_UNIT = re.compile(r"\s+(?=[\[(])")


def split_names(line: str, separator: str | None) -> list[str]:
    """The names in a line, without quotes and units: `"X [m]";Y` are X and Y."""
    if separator is None:
        line = _SPACE_BEFORE_UNIT.sub("", line)
    names = [name.strip().strip("\"'").strip() for name in line.split(separator)]
    return [_UNIT.sub("", name) or name for name in names]


def find_axes(names: Sequence[str]) -> tuple[int, int, int] | None:
    """Where x, y and z stand among names: spelt so, or in capitals; None if one is missing or there several times."""
    for folded in (False, True):
        spelt = [name.lower() if folded else name for name in names]
        if all(spelt.count(axis) == 1 for axis in AXES):
            return spelt.index("x"), spelt.index("y"), spelt.index("z")
    return None


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names by which each column can be told: an empty one becomes column_k, a second `a` becomes a_2."""
    found: list[str] = []
    for place, name in enumerate(names, start=1):
        name = name or f"column_{place}"
        number, candidate = 2, name
        while candidate in found:
            number, candidate = number + 1, f"{name}_{number}"
        found.append(candidate)
    return tuple(found)
