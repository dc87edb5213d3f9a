"""The list of unnamed kinds of shapes, and one shape of a kind from a seed.

The kinds are recipes for wide families of bodies rather than classes of objects: what a network learns of them is
geometry. Everything is a pure function of (kind name, seed); new kinds do not change the shapes of old ones, but the
mixtures take others of the list.
"""

from __future__ import annotations

import math

import numpy as np

from pointlora.checks import check_integer
from pointlora.procedural import registry as named
from pointlora.procedural.assembly import Draw, turn
from pointlora.procedural.freeform import carving, fittings, lattices, machine, sheets, sweeps, turning, unions
from pointlora.procedural.freeform.mixtures import Build, Mixtures
from pointlora.procedural.freeform.stock import TURNS
from pointlora.procedural.freeform.surface import Surface

_PLAIN: tuple[Build, ...] = (
    unions.stack,
    unions.tower,
    unions.blocks,
    unions.mirror_pair,
    unions.row,
    unions.wheel_of_copies,
    carving.bored,
    carving.patterned,
    carving.chopped,
    carving.container,
    carving.hollow,
    turning.turned,
    turning.shell,
    turning.lofted,
    turning.lump,
    turning.layers,
    sweeps.pipe,
    sweeps.bent_bar,
    sweeps.coil,
    sweeps.hook,
    sweeps.knot,
    sweeps.branches,
    sheets.folded,
    sheets.corrugated,
    sheets.perforated,
    sheets.beam,
    sheets.bracket,
    sheets.panels,
    sheets.rolled,
    lattices.frame,
    lattices.truss,
    lattices.mesh_panel,
    lattices.cage,
    lattices.spokes,
    lattices.polyhedron,
    machine.toothed,
    machine.rack,
    machine.threaded,
    machine.axle,
    machine.pulley,
    fittings.studded,
    fittings.hinge,
    fittings.clip,
)
_MIXTURES = Mixtures(named.ALL, _PLAIN)
_BUILDERS: dict[str, Build] = {
    build.__name__: build
    for build in (
        *_PLAIN,
        _MIXTURES.deformed_category,
        _MIXTURES.recombined,
        _MIXTURES.deformed_kind,
        _MIXTURES.scene,
    )
}

KINDS: tuple[str, ...] = tuple(_BUILDERS)

_STREAM = 3  # the named categories take others
_LYING = 0.25  # share of the shapes that are turned to lie on another face


def generate_freeform(kind: int | str, seed: int, num_points: int = 1024) -> np.ndarray:
    """Build one random shape of a kind and sample its surface uniformly by area.

    z is up, and about a quarter of the shapes lie on another face than they were built on.

    Args:
        kind: a name or an index of `KINDS`.
        seed: >= 0; a different seed gives a different shape.
        num_points: >= 1. It changes the sample, never the shape.

    Returns:
        (num_points, 3) float32: the mean is the origin, and the farthest point is at distance 1.

    Raises:
        ConfigError: for an unknown kind, a negative seed or num_points < 1.
    """
    name = KINDS[kind_index(kind)]
    check_integer("seed", seed, 0)
    check_integer("num_points", num_points, 1)
    rng = named.generator(name, seed, _STREAM)
    # The points are drawn last, so the shape doesn't depend on their number.
    return named.unit_sphere(_posed(_BUILDERS[name], Draw(rng)).sample(rng, num_points))


def kind_index(kind: int | str) -> int:
    """The index of a kind given by name or index.

    Raises:
        ConfigError: if there is no such kind; the message names the nearest one.
    """
    return named.index_of("kind", "freeform kind", kind, KINDS)


def _posed(build: Build, draw: Draw) -> Surface:
    """A shape as built, or lying on another face, or turned about z by any angle."""
    pose = draw.pick(*TURNS[1:]) if draw.chance(_LYING) else np.eye(3)
    if draw.chance(0.5):
        pose = turn("z", draw(0.0, 2 * math.pi)) @ pose
    return build(draw).turned(pose)
