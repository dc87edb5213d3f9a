"""Which models a test drives for every change, which only in the slow suite, and sizes of a very small one."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import pytest

from pointlora import list_models

# The network is another's: only files, sizes or defaults differ.
TWINS = frozenset({"point_pqae", "point2vec", "uni3d_small", "uni3d_large"})
# What these do in tokenizer, blocks and head, others do as well (Point-FEMAE, Point-JEPA, Uni3D-base and older ones).
COVERED = TWINS | {"pcp_mae", "maskpoint", "point_femae_plain", "uni3d_tiny", "uni3d_giant"}

# Arguments of `create_model`.
TINY: dict[str, Any] = {
    "num_classes": 4,
    "embed_dim": 24,
    "depth": 2,
    "num_heads": 3,
    "num_groups": 16,
    "group_size": 8,
    "tokenizer_dims": (8, 8, 16),
}


def models(slow: Container[str] = TWINS) -> list[Any]:
    """Every registered model as a parameter, some marked as slow."""
    return [pytest.param(name, marks=pytest.mark.slow if name in slow else ()) for name in list_models()]
