"""Things that people carry or wear: umbrella, bag, headphones."""

from __future__ import annotations

import math

import numpy as np

from pointlora.procedural.assembly import ALONG_Y, Assembly, Category, Draw, turn
from pointlora.procedural.meshes import body, grid, loft
from pointlora.procedural.primitives import Revolution, Torus, Tube, cylinder, frustum, rod


def umbrella(draw: Draw) -> Assembly:
    """An open umbrella with scalloped panels, or a closed one, with a straight or hooked handle."""
    shape = Assembly()
    ribs, length, thick = draw.count(6, 10), draw(1.2, 1.8), draw(0.015, 0.03)
    shape.add("shaft", cylinder(thick, length))
    if draw.chance(0.75):
        reach, drop = draw(0.7, 1.1), draw(0.25, 0.55)
        r, angle = np.meshgrid(np.linspace(0.0, 1.0, 7), np.linspace(0.0, 2.0 * math.pi, 4 * ribs + 1), indexing="ij")
        scallop = 1.0 - 0.1 * r * np.sin(0.5 * ribs * angle) ** 2
        z = length - drop * r**2 * (1.0 - 0.25 * np.sin(0.5 * ribs * angle) ** 2)
        rim = reach * r * scallop
        shape.add("canopy", grid(np.stack([rim * np.cos(angle), rim * np.sin(angle), z], axis=2)))
    else:
        wide, low = draw(0.06, 0.14), length * draw(0.25, 0.4)
        shape.add("canopy", Revolution([(thick, low), (wide, low + 0.1), (wide * 0.7, length * 0.7), (thick, length)]))
    shape.add("shaft", frustum(thick, 0.004, 0.12), (0.0, 0.0, length))
    if draw.chance(0.6):
        hook = draw(0.07, 0.13)
        angles = np.linspace(0.0, math.pi, 8)
        path = np.stack([hook - hook * np.cos(angles), np.zeros(8), -hook * np.sin(angles)], axis=1)
        shape.add("handle", Tube(path, thick * 1.5))
    else:
        shape.add("handle", frustum(thick * 1.8, thick * 1.4, 0.2), (0.0, 0.0, -0.15))
    return shape


def bag(draw: Draw) -> Assembly:
    """A hand bag with arched handles, or a suitcase with a bar and wheels."""
    shape = Assembly()
    if draw.chance(0.35):
        deep, wide, tall, out = draw(0.18, 0.3), draw(0.38, 0.52), draw(0.5, 0.75), draw(0.05, 0.35)
        edge = [(0.05, deep * 0.46, wide * 0.47, 0.0), (0.08, deep / 2, wide / 2, 0.0)]
        lid = [(tall - 0.03, deep / 2, wide / 2, 0.0), (tall, deep * 0.46, wide * 0.47, 0.0)]
        shape.add("body", body([*edge, *lid], "z", 7.0, 24))
        path = [
            (-deep * 0.3, -0.1, tall),
            (-deep * 0.3, -0.1, tall + out),
            (-deep * 0.3, 0.1, tall + out),
            (-deep * 0.3, 0.1, tall),
        ]
        shape.add("handle", Tube(path, 0.012))
        for side in (-0.42, 0.42):
            shape.add("body", rod((-deep * 0.4, side * wide, 0.04), (deep * 0.4, side * wide, 0.04), 0.035))
        return shape
    deep, wide, tall, narrow = draw(0.12, 0.26), draw(0.4, 0.6), draw(0.28, 0.5), draw(0.15, 0.8)
    stations = [
        (0.0, deep * 0.45, wide * 0.46, 0.0),
        (tall * 0.15, deep / 2, wide / 2, 0.0),
        (tall * 0.6, deep * (0.2 + 0.3 * narrow), wide * 0.49, 0.0),
        (tall, deep * narrow / 2, wide * draw(0.3, 0.48), 0.0),
    ]
    shape.add("body", body(stations, "z", draw(3.0, 7.0), 24))
    rise, spread = draw(0.12, 0.35), draw(0.12, 0.22)
    angles = np.linspace(0.0, math.pi, 9)
    for x in draw.pick((0.0,), (-deep * narrow * 0.4, deep * narrow * 0.4)):
        arch = np.stack([np.full(9, x), spread * np.cos(angles), tall - 0.01 + rise * np.sin(angles)], axis=1)
        shape.add("handle", Tube(arch, draw(0.008, 0.016)))
    if draw.chance(0.4):
        shape.add("body", Torus(0.03, 0.008), (deep / 2 + 0.02, 0.0, tall * 0.6))
    return shape


def headphones(draw: Draw) -> Assembly:
    """A band over two padded cups, sometimes with a microphone."""
    shape = Assembly()
    half, rise, thick = draw(0.55, 0.75), draw(0.6, 0.95), draw(0.03, 0.08)
    angles = np.linspace(0.0, math.pi, 13)
    arch = np.stack([half * np.cos(angles), rise * np.sin(angles) ** draw(0.7, 1.0)], axis=1)
    wide = draw(1.0, 4.0) * thick
    ring = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], dtype=np.float64)
    sections = np.zeros((13, 4, 3))
    sections[:, :, 0] = ring[:, 0] * wide / 2
    scale = 1.0 + ring[:, 1] * thick / 2
    sections[:, :, 1], sections[:, :, 2] = arch[:, :1] * scale, arch[:, 1:] * scale
    shape.add("band", loft(sections))
    big, long = draw(0.2, 0.34), draw(1.0, 1.35)
    deep = draw(0.1, 0.22)
    toe = draw(-0.15, 0.15)
    for side in (-1.0, 1.0):
        shell = [
            (0.0, big, big * long, 0.0),
            (deep * 0.6, big * 0.95, big * 0.95 * long, 0.0),
            (deep, big * 0.6, big * 0.6 * long, 0.0),
        ]
        mesh = body(shell, "z", 2.2).warped(lambda p: p[:, [0, 2, 1]])  # the shell's axis becomes y
        placed = mesh if side > 0 else mesh.mirrored()
        shape.add("cup", placed, (0.0, side * half, -big * 0.4), turn("x", side * toe))
        shape.add("cup", Torus(big * 0.75, big * 0.25), (0.0, side * (half - 0.02), -big * 0.4), ALONG_Y)
    if draw.chance(0.3):
        side = draw.pick(-1.0, 1.0) * half
        shape.add(
            "microphone",
            Tube([(0, side, -big * 0.5), (big * 1.3, side, -big * 1.6), (big * 2.2, side * 0.6, -big * 1.9)], 0.02),
        )
    return shape


ACCESSORIES = (
    Category("umbrella", ("canopy", "shaft", "handle"), umbrella),
    Category("bag", ("body", "handle"), bag),
    Category("headphones", ("band", "cup", "microphone"), headphones, optional=("microphone",)),
)
