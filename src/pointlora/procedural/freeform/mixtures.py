"""Kinds that take other shapes apart, bend them and put them together: categories deformed or recombined; scenes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pointlora.procedural.assembly import Category, Draw, turn
from pointlora.procedural.freeform.solids import box
from pointlora.procedural.freeform.stock import TURNS, even
from pointlora.procedural.freeform.surface import Surface, joined
from pointlora.procedural.freeform.triangulation import triangulated
from pointlora.procedural.freeform.warps import deformed

Build = Callable[[Draw], Surface]


class Mixtures:
    """Kinds made of shapes of other kinds and of named categories."""

    def __init__(self, categories: tuple[Category, ...], kinds: tuple[Build, ...]) -> None:
        self.categories, self.kinds = categories, kinds

    def deformed_category(self, draw: Draw) -> Surface:
        """A shape of a named category, bent, twisted, stretched or with waves."""
        surface = triangulated(draw.pick(*self.categories).build(draw).parts)
        stretch = np.diag([even(draw, 0.6, 1.6) for _ in range(3)])
        return deformed(surface.moved(stretch), draw)

    def recombined(self, draw: Draw) -> Surface:
        """Parts of one or two labels from each of two named categories, one on, beside or through the other."""
        first, second = _unit(self._some_parts(draw)), _unit(self._some_parts(draw))
        if draw.chance(0.3):
            second = second.turned(draw.pick(*TURNS[1:]))
        second = second.moved(np.eye(3) * even(draw, 0.35, 1.2))
        (low, high), (own_low, own_high) = first.bounds(), second.bounds()
        axis = draw.pick(2, 2, 0, 1)
        place = (low + high) / 2.0 - (own_low + own_high) / 2.0
        if draw.chance(0.8):
            place[axis] = high[axis] - own_low[axis] - draw(0.0, 0.15)
        pieces = [first, second.moved(np.eye(3), place)]
        if axis != 2 and draw.chance(0.5):
            mirror = np.eye(3)
            mirror[axis, axis] = -1.0
            pieces.append(pieces[1].moved(mirror))
        return joined(pieces)

    def deformed_kind(self, draw: Draw) -> Surface:
        """A shape of another kind, deformed."""
        return deformed(draw.pick(*self.kinds)(draw), draw)

    def scene(self, draw: Draw) -> Surface:
        """Two to four shapes on a piece of floor, perhaps before a wall, some of them leaning, stacked or touching."""
        pieces, wide = [], draw(0.6, 1.2)
        count = draw.count(2, 4)
        start = draw(0.0, 6.28)
        for k in range(count):
            body = self._named(draw) if draw.chance(0.4) else draw.pick(*self.kinds)(draw)
            body = _unit(body).moved(turn("z", draw(0.0, 6.28)) * even(draw, 0.5, 1.1))
            if draw.chance(0.15):
                body = body.moved(turn("x", draw(-0.5, 0.5)))
            angle, reach = start + 2.0 * math.pi * k / count, wide * draw(0.35, 0.65)
            low, _ = body.bounds()
            x, y = reach * math.cos(angle), reach * math.sin(angle)
            pieces.append(body.moved(np.eye(3), [x, y, -float(low[2])]))
        if draw.chance(0.85):
            floor = box(2.0 * wide * draw(0.5, 0.9), 2.0 * wide * draw(0.5, 0.9), 0.01).triangles()
            pieces.append(Surface(floor[(floor[..., 2] > 0.0).all(axis=1)]))
            if draw.chance(0.3):
                wall = floor @ turn("y", math.pi / 2).T + [-0.8 * wide, 0.0, wide * 0.5]
                pieces.append(Surface(wall[(wall[..., 0] > -0.8 * wide).all(axis=1)]))
        return joined(pieces)

    def _named(self, draw: Draw) -> Surface:
        return triangulated(draw.pick(*self.categories).build(draw).parts)

    def _some_parts(self, draw: Draw) -> Surface:
        parts = draw.pick(*self.categories).build(draw).parts
        labels = list(dict.fromkeys(part.label for part in parts))
        kept = {draw.pick(*labels), draw.pick(*labels)} if draw.chance(0.7) else set(labels)
        return triangulated([part for part in parts if part.label in kept])


def _unit(surface: Surface) -> Surface:
    """The surface in a cube of size 1 about the origin."""
    low, high = surface.bounds()
    scale = 1.0 / max(float((high - low).max()), 1e-9)
    return surface.moved(np.eye(3) * scale, -scale * (low + high) / 2.0)
