"""Procedural labelled shapes: an endless, seeded stream of objects with part labels, clean or as scanned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pointlora.lazy import lazy_names

if TYPE_CHECKING:
    from pointlora.procedural.registry import (
        CATEGORIES,
        OPTIONAL_PARTS,
        PART_NAMES,
        ProceduralShape,
        category_index,
        generate_shape,
    )
    from pointlora.procedural.scan_options import ScanOptions
    from pointlora.procedural.scanning import CLUTTER, scan

__all__ = [
    "CATEGORIES",
    "CLUTTER",
    "OPTIONAL_PARTS",
    "PART_NAMES",
    "ProceduralShape",
    "ScanOptions",
    "category_index",
    "generate_shape",
    "scan",
]

_REGISTRY = (
    "CATEGORIES",
    "OPTIONAL_PARTS",
    "PART_NAMES",
    "ProceduralShape",
    "category_index",
    "generate_shape",
)

__getattr__ = lazy_names(
    __name__,
    {**dict.fromkeys(_REGISTRY, "registry"), "CLUTTER": "scanning", "ScanOptions": "scan_options", "scan": "scanning"},
)
