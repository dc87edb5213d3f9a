"""Deformations, and named shapes as triangles."""

from __future__ import annotations

import numpy as np
import pytest

from pointlora.procedural.assembly import Draw
from pointlora.procedural.freeform.solids import box
from pointlora.procedural.freeform.surface import carved
from pointlora.procedural.freeform.triangulation import triangles_of, triangulated
from pointlora.procedural.freeform.warps import deformed
from pointlora.procedural.meshes import Mesh, slab
from pointlora.procedural.primitives import Box, Capsule, Ellipsoid, Revolution, Torus, Tube, cylinder, rod
from pointlora.procedural.registry import ALL

PRIMITIVES = {
    "box": Box(2.0, 1.0, 0.5),
    "ball": Ellipsoid(1.0, 1.0, 1.0),
    "ellipsoid": Ellipsoid(3.0, 1.0, 2.0),
    "capsule": Capsule(0.5, 2.0),
    "torus": Torus(2.0, 0.5),
    "arc": Torus(2.0, 0.5, arc=1.0, start=0.5),
    "cylinder": cylinder(0.7, 2.0),
    "half": Revolution([(0.0, 0.0), (1.0, 0.0), (0.5, 1.0)], arc=np.pi),
    "tube": Tube([(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 2.0, 0.0)], 0.1),
    "rod": rod((0.0, 0.0, 0.0), (1.0, 2.0, 2.0), 0.3, 0.1),
    "mesh": slab(1.0, 2.0, 3.0),
}


@pytest.mark.parametrize("name", PRIMITIVES)
def test_triangles_have_nearly_the_area_and_lie_where_the_primitive_does(name):
    primitive = PRIMITIVES[name]
    mesh = Mesh(triangles_of(primitive))
    assert mesh.area == pytest.approx(primitive.area, rel=0.035)
    ours, theirs = (p.sample(np.random.default_rng(1), 6000) for p in (mesh, primitive))
    assert ours.min(axis=0) == pytest.approx(theirs.min(axis=0), abs=0.06)
    assert ours.max(axis=0) == pytest.approx(theirs.max(axis=0), abs=0.06)
    assert ours.mean(axis=0) == pytest.approx(theirs.mean(axis=0), abs=0.06)


def test_every_category_becomes_triangles():
    for category in ALL:
        parts = category.build(Draw(np.random.default_rng(4))).parts
        area = Mesh(triangulated(parts).triangles).area
        assert area == pytest.approx(sum(part.primitive.area for part in parts), rel=0.04)


def test_an_unknown_primitive_is_named():
    with pytest.raises(TypeError, match="no triangles for str"):
        triangles_of("box")


def test_deformations_move_shapes_a_little_and_keep_them_whole():
    block = carved([box(1.0, 0.6, 2.0)], [box(0.3, 0.3, 3.0)])
    plain = block.sample(np.random.default_rng(0), 400)
    plain = plain / np.abs(plain).max()
    moved = []
    for seed in range(20):
        surface = deformed(block, Draw(np.random.default_rng(seed)))
        points = surface.sample(np.random.default_rng(0), 400)
        assert np.isfinite(points).all()
        assert 0.5 < np.ptp(points, axis=0).max() < 5.0
        # Neighbours on the block stay neighbours: no gap opens.
        gaps = np.sort(np.linalg.norm(points[:, None] - points[None], axis=2), axis=1)[:, 1]
        assert gaps.max() < 0.5
        moved.append(np.sort(np.linalg.eigvalsh(np.cov(points.T))))
    assert np.std(moved, axis=0).min() > 0.003
