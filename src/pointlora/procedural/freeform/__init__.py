"""Unnamed kinds of random shapes: joined, cut, turned, lofted, swept, folded and built of rods; for pre-training."""

from __future__ import annotations

from pointlora.procedural.freeform.registry import KINDS, generate_freeform, kind_index

__all__ = ["KINDS", "generate_freeform", "kind_index"]
