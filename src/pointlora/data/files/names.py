"""Names of columns as programs write them: in any case, quoted, with units."""

from __future__ import annotations

import re
from collections.abc import Sequence

AXES = ("x", "y", "z")
_UNIT = re.compile(r"\s*[\[(][^\])]*[\])]\s*$")
_SPACE_BEFORE_UNIT = re.compile(r"\s+(?=[\[(])")
# 2:x, (2) x, 2=x or col2: x
_NUMBERED = re.compile(r"(?<!\S)[(\[]?(?:col(?:umn)?\.?\s*)?(\d{1,4})\s*[)\]:=.]+\s*([^\s,;]+)", re.IGNORECASE)
# What people write in front of names: `Format: X Y Z`, `coordinates x y z`, `the columns are x y z`.
_LEAD = re.compile(r".*:\s+")
_LEAD_WORDS = re.compile(
    r"(?:(?:all|are|as|ax[ei]s|cols|columns|contains|coords?|coordinates?|csv|data|each|fields|file|format|given|has|"
    r"header|in|is|layout|lines?|names|of|rows?|stored|the|this|txt|units?|values|variables|with|written|xyz)\s+)+",
    re.IGNORECASE,
)
# And behind them: `x y z = metres`, `x y z in metres`.
_TAIL = re.compile(r"\s*=.*|\s+(?:in|are|as|is)\s.*", re.IGNORECASE)


def split_names(line: str, separator: str | None) -> list[str]:
    """The names in a line, without quotes and units: `"X [m]";Y` are X and Y.

    Numbered names stand at their numbers; words around the names that say what they are aren't names.
    """
    numbered = _numbered_names(line)
    if numbered:
        return numbered
    bare = _split(_without_words(line), separator)
    return bare if find_axes(bare) is not None else _split(line, separator)


def _numbered_names(line: str) -> list[str]:
    """The names of `1:id 2:x 3:y 4:z` by their numbers, which count from 0 if there is a 0; [] for another line."""
    found = {int(number): name for number, name in _NUMBERED.findall(line)}
    if find_axes(list(found.values())) is None:
        return []
    first = min(1, *found)
    return [found.get(number, "") for number in range(first, max(found) + 1)]


def _without_words(line: str) -> str:
    line = _LEAD.sub("", line)
    lead = _LEAD_WORDS.match(line)
    return _TAIL.sub("", line[lead.end() :] if lead else line, count=1)


def _split(line: str, separator: str | None) -> list[str]:
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
        name = _readable(name) or f"column_{place}"
        number, candidate = 2, name
        while candidate in found:
            number, candidate = number + 1, f"{name}_{number}"
        found.append(candidate)
    return tuple(found)


def _readable(name: str) -> str:
    """A name of which bytes are no UTF-8, read as Latin-1, which old programs write."""
    if name.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in name):
        return name
    return name.encode("utf-8", "surrogateescape").decode("latin-1")
