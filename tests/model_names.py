"""Which models a test drives for every change, and which only in the slow suite."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import pytest

from pointlora import list_models

# The network is another's: only files, sizes or defaults differ.
TWINS = frozenset({"point_pqae", "point2vec", "uni3d_small", "uni3d_large"})
# What these do in tokenizer, blocks and head, others do as well (Point-FEMAE, Point-JEPA, Uni3D-base and older ones).
COVERED = TWINS | {"pcp_mae", "maskpoint", "point_femae_plain", "uni3d_tiny", "uni3d_giant"}


def models(slow: Container[str] = TWINS) -> list[Any]:
    """Every registered model as a parameter, some marked as slow."""
    return [pytest.param(name, marks=pytest.mark.slow if name in slow else ()) for name in list_models()]
