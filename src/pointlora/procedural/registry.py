"""The list of categories, and one shape of a category from a seed.

Shapes are z up, posed as they would stand or lie on a floor, and what has a front faces +x. A shape is normalised to
the unit sphere: the mean of its points is the origin and the farthest point is at distance 1. Everything is a pure
function of (category name, seed); new categories do not change the shapes of old ones.
"""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pointlora.checks import check_integer
from pointlora.errors import ConfigError
from pointlora.procedural.accessories import ACCESSORIES
from pointlora.procedural.assembly import Category, Draw
from pointlora.procedural.craft import CRAFT
from pointlora.procedural.devices import DEVICES
from pointlora.procedural.furniture import FURNITURE
from pointlora.procedural.household import HOUSEHOLD
from pointlora.procedural.seating import SEATING
from pointlora.procedural.tools import TOOLS
from pointlora.procedural.vehicles import VEHICLES
from pointlora.procedural.vessels import VESSELS

ALL: tuple[Category, ...] = (
    *SEATING,
    *FURNITURE,
    *HOUSEHOLD,
    *VESSELS,
    *TOOLS,
    *VEHICLES,
    *CRAFT,
    *DEVICES,
    *ACCESSORIES,
)

CATEGORIES: tuple[str, ...] = tuple(kind.name for kind in ALL)
PART_NAMES: dict[str, tuple[str, ...]] = {kind.name: kind.parts for kind in ALL}
OPTIONAL_PARTS: dict[str, tuple[str, ...]] = {kind.name: kind.optional for kind in ALL}

_STREAM_GEOMETRY, _STREAM_POINTS = 0, 1  # so that the geometry does not depend on the number of points


@dataclass(frozen=True)
class ProceduralShape:
    """One labelled cloud.

    Attributes:
        points: (N, 3) float32, centred, farthest point at distance 1.
        parts: (N,) int64 local part ids, indices into `PART_NAMES[CATEGORIES[category]]`; -1 for clutter in a scan.
        category: index into `CATEGORIES`.
    """

    points: np.ndarray
    parts: np.ndarray
    category: int


def generate_shape(category: int | str, seed: int, num_points: int = 2048) -> ProceduralShape:
    """Build one random object of a category and sample its surfaces uniformly by area.

    Args:
        category: a name or an index of `CATEGORIES`.
        seed: >= 0; a different seed gives a different object.
        num_points: >= 1. It changes the sample, never the object's geometry.

    Raises:
        ConfigError: for an unknown category, a negative seed or num_points < 1.
    """
    index = category_index(category)
    check_integer("seed", seed, 0)
    check_integer("num_points", num_points, 1)
    kind = ALL[index]
    shape = kind.build(Draw(generator(kind.name, seed, _STREAM_GEOMETRY)))
    points, parts = shape.sample(generator(kind.name, seed, _STREAM_POINTS), num_points, kind.parts)
    return ProceduralShape(unit_sphere(points), parts, index)


def category_index(category: int | str) -> int:
    """The index of a category given by name or index.

    Raises:
        ConfigError: if there is no such category; the message names the nearest one.
    """
    return index_of("category", "procedural category", category, CATEGORIES)


def index_of(setting: str, what: str, value: int | str, names: Sequence[str]) -> int:
    """The index of one of several things given by name or index.

    Args:
        setting: what the value is called.
        what: what the names are names of.
        value: a name or an index.
        names: all of them.

    Raises:
        ConfigError: if there is no such one; the message names the nearest ones.
    """
    if isinstance(value, str):
        if value in names:
            return names.index(value)
        near = difflib.get_close_matches(value.lower(), names, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else f"choose from {', '.join(names)}"
        raise ConfigError(f"unknown {what} {value!r}: {hint}")
    check_integer(setting, value, 0, len(names) - 1)
    return int(value)


def generator(name: str, *seeds: int) -> np.random.Generator:
    """A generator for a named category and seeds; the name, not its index, so that the list may grow."""
    return np.random.default_rng([zlib.crc32(name.encode()), *seeds])


def unit_sphere(points: np.ndarray) -> np.ndarray:
    """Centre (N, 3) points on their mean and scale the farthest to distance 1; float32. Coinciding points become 0."""
    centred = points - np.ascontiguousarray(points.T).mean(axis=1)
    radius = float(np.sqrt(squared_norms(centred).max()))
    return (centred / max(radius, 1e-12)).astype(np.float32)


def squared_norms(points: np.ndarray) -> np.ndarray:
    """Squared lengths (N,) of (N, 3) vectors; several times faster than a sum over an axis of 3."""
    return np.einsum("ij,ij->i", points, points)
