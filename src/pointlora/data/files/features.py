"""Features of the points of a file, by name: from its colours, its normals, or any column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pointlora.data.feature_names import AUTOMATIC_GROUPS, COLORS, NORMALS, spellings
from pointlora.data.files.content import Content
from pointlora.data.files.limits import data_error
from pointlora.errors import DataError
from pointlora.names import nearest_name

_SHOWN_NAMES = 20
_PREFIX = "scalar_"  # of CloudCompare's scalar fields


@dataclass(frozen=True)
class FeatureChoice:
    """Which features are read.

    Attributes:
        names: as `channel_names` gives them.
        missing: a value for each that stands in where a file doesn't have it; None where that is an error.
    """

    names: tuple[str, ...]
    missing: tuple[float, ...] | None = None


def find_features(path: Path, content: Content, choice: FeatureChoice) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Features (R, F) of all rows of a file, colours from 0 to 255, and the names of those that others stand in for.

    Args:
        path: the file, for messages.
        content: of it.
        choice: which.

    Raises:
        DataError: naming a feature that the file doesn't have, with the nearest name that it has; infinite ones.
    """
    attributes = content.attributes(None)
    found: dict[str, np.ndarray | None] = {name: _find(content, attributes, name) for name in choice.names}
    absent = tuple(name for name, values in found.items() if values is None)
    if absent and choice.missing is None:
        raise missing_feature(path, absent[0], available_features(content, attributes))
    number = len(content.coordinates())
    values = np.empty((number, len(found)), dtype=np.float32)
    for place, (name, column) in enumerate(found.items()):
        with np.errstate(over="ignore"):
            values[:, place] = column if column is not None else (choice.missing or ())[place]
        if np.isinf(values[:, place]).any():
            raise data_error(path, f"feature {name!r} is infinite at a point", "remove such points, or store NaN there")
    return values, absent


def without_features(coordinates: np.ndarray, features: NDArray[np.float32]) -> np.ndarray:
    """Coordinates (R, 3), NaN at points that lack a feature."""
    lacking = np.isnan(features).any(axis=1)
    if not lacking.any():
        return coordinates
    coordinates = coordinates.astype(np.result_type(coordinates.dtype, np.float32))
    coordinates[lacking] = np.nan
    return coordinates


def missing_feature(path: object, name: str, known: Sequence[str]) -> DataError:
    """The error for a feature that a file doesn't have."""
    guess = nearest_name(name, known)
    listed = ", ".join(known[:_SHOWN_NAMES]) + (", ..." if len(known) > _SHOWN_NAMES else "") or "nothing"
    hint = f"did you mean {guess!r}? " if guess else ""
    return data_error(Path(str(path)), f"has no feature {name!r}", f"{hint}beside x, y, z it has {listed}")


def available_features(content: Content, attributes: dict[str, np.ndarray]) -> list[str]:
    """Names of the features that a file has: of its colours, its normals and its other columns of numbers."""
    known = [name for name in (*COLORS, *NORMALS) if _find(content, attributes, name) is not None]
    return known + [name for name in content.columns if name.lower() not in known]


def automatic_features(content: Content) -> dict[str, tuple[float, float]]:
    """What `auto` takes of a file: colours, normals, intensities and returns, each with its least and largest value."""
    attributes = content.attributes(None)
    found: dict[str, tuple[float, float]] = {}
    for group in AUTOMATIC_GROUPS:
        columns = [_find(content, attributes, name) for name in group]
        for name, values in zip(group, columns, strict=True):
            if values is not None and all(column is not None for column in columns):
                found[name] = float(np.nanmin(values)), float(np.nanmax(values))
    return found


def _find(content: Content, attributes: dict[str, np.ndarray], name: str) -> np.ndarray | None:
    """One feature of all rows; None where there is none."""
    for role, names in (("colors", COLORS), ("normals", NORMALS)):
        if name in names and role in attributes:
            return attributes[role][:, names.index(name)]
    for wanted in (*spellings(name), _PREFIX + name):
        spelt = [column for column in content.columns if column.lower() == wanted.lower()]
        same = [column for column in spelt if column == wanted] or spelt
        if len(same) == 1:
            values = content.columns[same[0]]()
            if values.ndim == 2 and values.shape[1] == 1:
                values = values[:, 0]
            if values.ndim == 1 and values.dtype.kind in "biuf":
                return _as_bytes(values) if name in COLORS else values
    return None


def _as_bytes(color: np.ndarray) -> np.ndarray:
    """A colour from 0 to 255: of 16 bits its upper ones, of floats from 0 to 1 as many times as much."""
    with np.errstate(invalid="ignore"):
        most = np.nanmax(color, initial=0)
    if color.dtype.kind == "f" and most <= 1:
        return color * 255.0
    return color / 257.0 if most > 255 else color
