"""The benchmarks' network at a size at which every call takes milliseconds, also where bfloat16 is emulated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pointlora.models import registry

SIZES = {"embed_dim": 24, "depth": 2, "num_heads": 3, "tokenizer_dims": (8, 16, 24)}


def shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `point_mae_tiny` smaller still, in this process."""
    family = registry.get_family("point_mae_tiny")
    monkeypatch.setitem(registry._FAMILIES, family.name, replace(family, sizes=family.sizes.with_changes(SIZES)))
