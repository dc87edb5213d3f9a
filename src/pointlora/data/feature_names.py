"""Names of features: what points have beside x, y, z. Colours and normals have the same names whatever the file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pointlora.errors import ConfigError

AUTO = "auto"
COLORS = ("red", "green", "blue")
NORMALS = ("nx", "ny", "nz")
# What `auto` takes beside colours and normals, in any case, also as CloudCompare's "scalar_..."; ids, times and labels
# say nothing about a new file.
_SINGLE = ("intensity", "reflectance", "return_number", "number_of_returns")
AUTOMATIC_GROUPS = (COLORS, NORMALS, *((name,) for name in _SINGLE))
MOST_FEATURES = 256

_GROUPS = {"colors": COLORS, "color": COLORS, "rgb": COLORS, "normals": NORMALS, "normal": NORMALS}
_SAME = {
    **dict(zip(("r", "g", "b"), COLORS, strict=True)),
    **dict(zip(("normal_x", "normal_y", "normal_z"), NORMALS, strict=True)),
    **dict(zip(("normalx", "normaly", "normalz"), NORMALS, strict=True)),
}


class Triples(NamedTuple):
    """At which features three begin that belong together.

    Attributes:
        normals: first features of normals, which turn with the cloud.
        colors: first features of colours.
    """

    normals: tuple[int, ...] = ()
    colors: tuple[int, ...] = ()


def channel_names(features: Iterable[str]) -> tuple[str, ...]:
    """A name a feature: `colors` is red, green, blue, `normals` is nx, ny, nz, and `R` is red.

    Raises:
        ConfigError: for one that is there twice, a part of a normal, a coordinate, or too many.
    """
    names: list[str] = []
    for given in features:
        folded = str(given).lower()
        names += _GROUPS.get(folded, (_SAME.get(folded, folded if folded in COLORS + NORMALS else str(given)),))
    for name in names:
        if name in ("", "x", "y", "z"):
            raise ConfigError(f"data.features holds {name!r}: name what points have beside x, y, z")
        if names.count(name) > 1:
            raise ConfigError(f"data.features holds {name!r} twice: name each feature once")
    if set(names) & set(NORMALS) and not triples(names).normals:
        raise ConfigError(
            "data.features holds a part of a normal, which can't be turned: give nx, ny, nz in this order"
        )
    if len(names) > MOST_FEATURES:
        raise ConfigError(f"data.features holds {len(names)} features, but at most {MOST_FEATURES} are allowed")
    return tuple(names)


def spellings(name: str) -> tuple[str, ...]:
    """What a feature may be called in a file: its own name first."""
    return (name, *(other for other, same in _SAME.items() if same == name))


def triples(names: Sequence[str]) -> Triples:
    """Where the normals and colours among features stand."""

    def starts(three: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(first for first in range(len(names) - 2) if tuple(names[first : first + 3]) == three)

    return Triples(starts(NORMALS), starts(COLORS))
