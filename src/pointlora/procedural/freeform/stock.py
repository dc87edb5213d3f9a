"""Random bodies and sizes that many kinds start from."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import Draw
from pointlora.procedural.freeform.outlines import any_outline, polygon, superellipse
from pointlora.procedural.freeform.solids import Solid, ball, box, frustum, prism, ring

# Turns that take z to x, y, -x, -y and keep axes on axes.
TURNS = tuple(
    np.array(rows, dtype=np.float64)
    for rows in (
        ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        ((0, 0, 1), (0, 1, 0), (-1, 0, 0)),
        ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
        ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
        ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
        ((1, 0, 0), (0, -1, 0), (0, 0, -1)),
    )
)


def even(draw: Draw, low: float, high: float) -> float:
    """A number of [low, high), each factor of it as likely as another."""
    return math.exp(draw(math.log(low), math.log(high)))


def any_body(draw: Draw, low: float = 0.3, high: float = 1.2, plain: bool = False) -> Solid:
    """A random body of random sizes centred at the origin, its axis along any of x, y and z.

    Where `plain`, only boxes, cylinders, prisms, slabs and balls.
    """
    x, y, z = (even(draw, low, high) for _ in range(3))
    if draw.chance(0.4):
        y = x
    kinds = ["box", "box", "box", "cylinder", "cylinder", "prism", "slab", "ball"]
    kinds += [] if plain else ["cone", "ring", "wedge", "squarish", "figure"]
    match draw.pick(*kinds):
        case "box":
            return box(x, y, z)
        case "cylinder":
            body = frustum(x, x, z)
        case "prism":
            body = prism(polygon(draw.count(3, 8)), x, y, z)
        case "slab":
            body = prism(superellipse(draw(3.0, 9.0)), 1.2 * x, 1.2 * y, min(z, 0.5 * (x + y)))
        case "ball":
            return ball(x, y, draw.pick(x, z))
        case "cone":
            body = frustum(x, x, z, draw.pick(0.0, draw(0.2, 0.8)))
        case "ring":
            tube = draw(0.12, 0.4)
            body = ring(x, x, x * tube, tube)
        case "wedge":
            body = prism(polygon(draw.pick(3, 4)), x, y, z, draw(0.0, 0.7))
        case "squarish":
            return ball(x, y, z, draw(3.0, 7.0))
        case _:
            body = prism(any_outline(draw), x, x, z, draw.pick(1.0, 1.0, draw(0.4, 0.9)))
    return body.transformed(draw.pick(TURNS[0], *TURNS[:3]))


def mirrored(solid: Solid, axis: int) -> Solid:
    """The body on the other side of the plane across an axis through the origin."""
    matrix = np.eye(3)
    matrix[axis, axis] = -1.0
    return solid.transformed(matrix)
