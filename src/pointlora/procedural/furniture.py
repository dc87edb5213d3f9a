"""Furniture that is not sat on: table, desk, bed, bookshelf, cabinet, door."""

from __future__ import annotations

from pointlora.procedural.assembly import Assembly, Category, Draw, turn
from pointlora.procedural.components import cushion, flat_top, four_legs, panels, pedestal, runners
from pointlora.procedural.primitives import Box, Ellipsoid, cylinder, rod


def table(draw: Draw) -> Assembly:
    """A round or rectangular top, low or high, on legs, boards, sleds or one or two pedestals."""
    shape = Assembly()
    width, thick, height = draw(0.5, 1.8), draw(0.02, 0.08), draw(0.35, 0.95)
    if draw.chance(0.3):
        width = draw(0.5, 1.2)
        depth = width
        shape.add("top", cylinder(width / 2, thick), (0.0, 0.0, height))
        inset = 0.66
    else:
        depth = max(0.4, width * draw(0.4, 1.0))
        shape.add("top", flat_top(draw, depth, width, thick), (0.0, 0.0, height + thick / 2))
        inset = draw(0.85, 1.0)
    base = draw.pick("four", "four", "four", "pedestal", "boards", "sled")
    if base == "pedestal":
        pedestal(shape, draw, min(width, depth) * draw(0.3, 0.5), height)
    else:
        legs = {"four": four_legs, "boards": panels, "sled": runners}[base]
        legs(shape, draw, depth / 2 * inset, width / 2 * inset, height)
    if inset > 0.66 and draw.chance(0.3):
        drop = draw(0.05, 0.12)
        shape.add("top", Box(depth * 0.85, width * 0.85, drop), (0.0, 0.0, height - drop / 2))
    if draw.chance(0.15):
        shape.add("leg", Box(depth * 0.75, width * 0.75, 0.02), (0.0, 0.0, height * draw(0.2, 0.4)))
    return shape


def desk(draw: Draw) -> Assembly:
    """A table with a stack of drawers at one or both sides, sometimes a back board or a hutch."""
    shape = Assembly()
    width, depth, height, thick = draw(1.0, 1.8), draw(0.5, 0.8), draw(0.65, 0.8), draw(0.02, 0.06)
    shape.add("top", Box(depth, width, thick), (0.0, 0.0, height + thick / 2))
    side, both = draw.pick(-1.0, 1.0), draw.chance(0.3)
    block = width * draw(0.2, 0.3)
    foot = draw.pick(0.0, draw(0.05, 0.35)) * height
    for s in (side, -side) if both else (side,):
        y, drawers = s * (width - block) / 2 * 0.97, draw.count(2, 4)
        tall = (height - foot) / drawers
        shape.add("drawer", Box(depth * 0.92, block, height - foot), (0.0, y, (height + foot) / 2))
        for k in range(drawers):
            z = foot + tall * (k + 0.5)
            shape.add("drawer", Box(0.03, block * 0.9, tall * 0.8), (depth * 0.46 + 0.012, y, z))
            shape.add("drawer", rod((depth * 0.5, y - 0.05, z), (depth * 0.5, y + 0.05, z), 0.01))
        if foot:
            for x in (-0.4, 0.4):
                shape.add("leg", rod((x * depth, y, 0.0), (x * depth, y, foot), 0.02))
    y = -side * width / 2 * 0.93
    if both or draw.chance(0.4):
        shape.add("leg", Box(depth * 0.9, 0.03, height), (0.0, y, height / 2))
    else:
        for x in (-0.45, 0.45):
            shape.add("leg", rod((x * depth, y, 0.0), (x * depth, y, height), draw(0.015, 0.035)))
    if draw.chance(0.35):
        drop = draw(0.2, 0.7) * height
        shape.add("leg", Box(0.02, width * 0.9, drop), (-depth * 0.45, 0.0, height - drop / 2))
    if draw.chance(0.25):
        rise = draw(0.3, 0.6)
        shape.add("top", Box(0.02, width, rise), (-depth * 0.48, 0.0, height + thick + rise / 2))
        shape.add("top", Box(depth * 0.35, width, 0.025), (-depth * 0.32, 0.0, height + thick + rise * draw(0.5, 1.0)))
    return shape


def bed(draw: Draw) -> Assembly:
    """A mattress on a frame with a headboard, pillows, sometimes a footboard."""
    shape = Assembly()
    long, wide = draw(1.85, 2.2), draw(0.8, 2.0)
    foot, frame, soft = draw(0.05, 0.3), draw(0.08, 0.2), draw(0.12, 0.3)
    shape.add("frame", Box(long, wide, frame), (0.0, 0.0, foot + frame / 2))
    shape.add("mattress", cushion(long * 0.97, wide * 0.97, soft, 7.0), (0.0, 0.0, foot + frame + soft * 0.45))
    for x in (-0.46, 0.46):
        for y in (-0.45, 0.45):
            shape.add("frame", Box(0.07, 0.07, foot), (x * long, y * wide, foot / 2))
    top = foot + frame + soft
    rise, thick = draw(0.15, 0.8), draw(0.04, 0.14)
    if draw.chance(0.65):
        shape.add("headboard", Box(thick, wide, top + rise), (-long / 2, 0.0, (top + rise) / 2))
    else:
        bars = draw.count(5, 9)
        for k in range(bars):
            y = wide * (k / (bars - 1) - 0.5)
            shape.add("headboard", rod((-long / 2, y, 0.3 * foot), (-long / 2, y, top + rise), 0.02))
        shape.add("headboard", rod((-long / 2, -wide / 2, top + rise), (-long / 2, wide / 2, top + rise), 0.03))
    if draw.chance(0.4):
        tall = top + draw(-0.05, 0.3)
        shape.add("frame", Box(thick, wide, tall), (long / 2, 0.0, tall / 2))
    pillows = 1 if wide < 1.2 else 2
    for k in range(pillows):
        y = wide * ((k + 0.5) / pillows - 0.5)
        shape.add("pillow", Ellipsoid(0.2, wide / pillows * 0.4, 0.08), (-long / 2 + 0.3, y, top + 0.05))
    return shape


def bookshelf(draw: Draw) -> Assembly:
    """Open shelves between sides, partly filled with books."""
    shape = Assembly()
    depth, width, height = draw(0.22, 0.42), draw(0.5, 1.6), draw(0.8, 2.2)
    shelves, thick = draw.count(2, 6), draw(0.015, 0.04)
    posts = draw.chance(0.2)
    for side in (-0.5, 0.5):
        if posts:
            for x in (-0.46, 0.46):
                shape.add("side", Box(0.04, 0.04, height), (x * depth, side * width, height / 2))
        else:
            shape.add("side", Box(depth, thick, height), (0.0, side * width, height / 2))
    if width > 0.9 and draw.chance(0.5):
        shape.add("side", Box(depth, thick, height * 0.98), (0.0, draw(-0.2, 0.2) * width, height / 2))
    if draw.chance(0.6):
        shape.add("side", Box(0.01, width, height), (-depth / 2, 0.0, height / 2))
    gap, base = height * 0.93 / shelves, height * 0.05
    for k in range(shelves + 1):
        shape.add("shelf", Box(depth, width, thick), (0.0, 0.0, base + k * gap))
    fill = draw(0.0, 0.9)
    for k in range(shelves):
        at = -width * 0.47
        while at < width * 0.4 and draw.chance(fill):
            wide, tall = draw(0.08, 0.3) * width, draw(0.5, 0.9) * gap
            wide = min(wide, width * 0.47 - at)
            shape.add(
                "book", Box(depth * 0.75, wide, tall), (0.0, at + wide / 2, base + k * gap + thick / 2 + tall / 2)
            )
            at += wide * draw(1.0, 1.5)
    return shape


def cabinet(draw: Draw) -> Assembly:
    """A closed body with a grid of doors or drawers and their knobs, on a plinth or legs."""
    shape = Assembly()
    depth, width, height = draw(0.3, 0.65), draw(0.4, 1.6), draw(0.5, 2.0)
    foot = draw.pick(0.0, 0.05, draw(0.08, 0.25))
    shape.add("body", Box(depth, width, height), (0.0, 0.0, foot + height / 2))
    if foot:
        four_legs(shape, draw, depth / 2, width / 2, foot)
    columns = draw.count(1, 2 if width < 0.9 else 4)
    rows = draw.pick(1, draw.count(1, 5))
    gap, knobs = draw(0.86, 0.96), draw.pick("knob", "bar", "none")
    wide, tall, front = width / columns, height / rows, depth / 2
    for i in range(columns):
        for j in range(rows):
            y, z = wide * (i + 0.5) - width / 2, foot + tall * (j + 0.5)
            shape.add("front", Box(0.03, wide * gap, tall * gap), (front + 0.015, y, z))
            edge = 0.0 if rows > 2 else (0.36 if i % 2 == 0 else -0.36) * wide
            if knobs == "knob":
                shape.add("knob", Ellipsoid(0.025, 0.025, 0.025), (front + 0.05, y + edge, z))
            elif knobs == "bar":
                half = (0.0, 0.2 * wide) if rows > 2 else (0.18 * tall, 0.0)
                ends = [(front + 0.05, y + edge + s * half[1], z + s * half[0]) for s in (-1, 1)]
                shape.add("knob", rod(ends[0], ends[1], 0.012))
    if draw.chance(0.4):
        shape.add("body", Box(depth * 1.08, width * 1.06, 0.03), (0.0, 0.0, foot + height))
    return shape


def door(draw: Draw) -> Assembly:
    """A door leaf, shut or ajar, with raised fields and a handle on either side; sometimes in a frame."""
    leaf = Assembly()
    width, height, thick = draw(0.65, 1.0), draw(1.85, 2.2), draw(0.03, 0.07)
    leaf.add("leaf", Box(thick, width, height), (0.0, 0.0, height / 2))
    rows, columns = draw.pick((0, 0), (1, 1), (2, 1), (3, 2), (2, 2))
    for i in range(rows):
        for j in range(columns):
            at = (0.0, width * ((j + 0.5) / columns - 0.5), height * (i + 0.5) / rows)
            leaf.add("leaf", Box(thick * 1.6, width / columns * 0.65, height / rows * 0.7), at)
    y, z, lever = width * 0.42, height * draw(0.43, 0.52), draw.chance(0.5)
    for side in (-1.0, 1.0):
        x = side * (thick / 2 + 0.06)
        leaf.add("handle", rod((0.0, y, z), (x, y, z), 0.015))
        if lever:
            leaf.add("handle", rod((x, y, z), (x, y * 0.7, z), 0.015))
        else:
            leaf.add("handle", Ellipsoid(0.03, 0.035, 0.035), (x, y, z))
    framed = draw.chance(0.6)
    ajar = draw.pick(0.0, draw(0.2, 1.6)) if framed else 0.0
    shape = leaf.turned(turn("z", -ajar), (0.0, -width / 2, 0.0))
    if framed:
        wide, deep = draw(0.05, 0.12), draw(0.1, 0.18)
        for side in (-1.0, 1.0):
            shape.add("frame", Box(deep, wide, height), (0.0, side * (width + wide) / 2, height / 2))
        shape.add("frame", Box(deep, width + 2 * wide, wide), (0.0, 0.0, height + wide / 2))
    return shape


FURNITURE = (
    Category("table", ("top", "leg"), table),
    Category("desk", ("top", "leg", "drawer"), desk),
    Category("bed", ("frame", "mattress", "headboard", "pillow"), bed),
    Category("bookshelf", ("side", "shelf", "book"), bookshelf, optional=("book",)),
    Category("cabinet", ("body", "front", "knob", "leg"), cabinet, optional=("knob", "leg")),
    Category("door", ("leaf", "frame", "handle"), door, optional=("frame",)),
)
